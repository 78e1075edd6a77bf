"""Makes things happen on the lab, and puts them right again in time."""

from __future__ import annotations

import heapq
import itertools
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from aurora_otel.lab import Cluster, Condition, Failover, Gateway
from tests.chaos import views
from tests.chaos.account import Account
from tests.chaos.links import Links
from tests.chaos.plan import Action, Event
from tests.chaos.truth import ALL, Truth

T = TypeVar("T")
# Sends the application a command: what, and its arguments.
Command = Callable[..., None]

_clock = time.monotonic
_ENDPOINTS = ("writer", "reader", "custom")
_FAILOVERS = {
    Action.CRASH: Failover.CRASH,
    Action.SWITCHOVER: Failover.SWITCHOVER,
    Action.HANG: Failover.HANG,
}
_ERRANDS = {
    Action.READ_ONLY: "read_only",
    Action.LEAK: "leak",
    Action.LONG_QUERIES: "long_query",
}
_EXPORTS = {Action.FAIL_EXPORTS: "fail", Action.BLOCK_EXPORTS: "block"}
# Seconds that a chunk is held up on a slow link, and that DNS lags.
_DELAY = 0.1
_DNS_LAG = 1.0
_FROZEN = float("inf")
# Seconds for which a name that flaps leads to one instance.
_FLAP = 0.15
# Seconds for which logins, and a server whose sessions were ended, take to be as before.
_AFTERMATH = 1.0
# Seconds after which the application hears of its new password, if not at once.
_ROTATION_LAG = 0.5


class Director:
    """Carries events out, one after the other.

    Attributes:
        truth: what was the case.

    Args:
        cluster: a healthy one.
        command: sends the application a command.
    """

    def __init__(self, cluster: Cluster, command: Command) -> None:
        self.truth = Truth(cluster.writer, _clock())
        self._cluster = cluster
        self._command = command
        self._account = Account(cluster)
        self._links = Links(cluster.gateway)
        self._numbers = itertools.count()
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._password = cluster.password

    def wait(self, seconds: float) -> None:
        """Let time pass; put right what is due meanwhile."""
        until = _clock() + seconds
        while self._later and self._later[0][0] <= until:
            due, _, do = heapq.heappop(self._later)
            time.sleep(max(0.0, due - _clock()))
            do()
        time.sleep(max(0.0, until - _clock()))

    def carry_out(self, event: Event) -> None:
        """Make it happen."""
        action, choice = event.action, event.choice
        if action in _FAILOVERS:
            self._fail_over(_FAILOVERS[action], event)
        elif action in _ERRANDS:
            self._command(_ERRANDS[action], choice=choice)
        elif action in _EXPORTS:
            self._command("exports", mode=_EXPORTS[action])
            self._after(event.lasts, lambda: self._command("exports", mode="work"))
        elif action in _RULES:
            place = _pick((*_ENDPOINTS, *self._cluster.instances), choice)
            self._after(event.lasts, self._links.disturb(_RULES[action](place)))
            self._trouble(place, event.lasts)
        else:
            _OTHERS[action](self, event)

    def put_right(self) -> None:
        """Undo whatever is not undone yet; the cluster is healthy afterwards."""
        while self._later:
            _, _, do = heapq.heappop(self._later)
            do()
        for instance in self._cluster.instances:
            self.truth.restored(instance, _clock())
        self._cluster.heal()
        self._account.unlock()
        self._account.change(self._password)
        self._command("password", password=self._password)
        self._command("exports", mode="work")

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._later, (_clock() + seconds, next(self._numbers), do))

    def _trouble(self, instance: str, seconds: float) -> None:
        """Take note that an instance may not answer as it should; `ALL`: that none may."""
        now = _clock()
        # Not `seconds` alone: what is put right is put right between two events.
        span = self.truth.troubled(instance, now)
        self._after(seconds, lambda: span.end(_clock() + _AFTERMATH))

    def _live(self) -> tuple[str, ...]:
        return (self._cluster.writer, *self._cluster.readers)

    # Failovers.

    def _fail_over(self, kind: Failover, event: Event) -> None:
        cluster = self._cluster
        if not cluster.readers:
            self._recover(_pick([i for i in cluster.instances if i != cluster.writer], 0))
        target = _pick(cluster.readers, event.choice)
        self.truth.restored(target, _clock())
        # Now and then, no view names the new writer until the old one comes back.
        switch = cluster.failover(kind, target=target, publish=bool(event.choice // 16 % 4))
        self.truth.switched(switch.began, switch.new_writer, _clock())
        if kind is Failover.SWITCHOVER and switch.refused is not None:
            self.truth.demoted(switch.old_writer, switch.refused)
        self._after(event.lasts, cluster.publish)
        self._after(event.lasts, lambda: self._recover(switch.old_writer))

    def _recover(self, instance: str) -> None:
        condition = self._cluster.condition(instance)
        if condition is Condition.DEMOTED:
            self.truth.restored(instance, _clock())
            self._cluster.rejoin(instance)
        elif condition in (Condition.DOWN, Condition.HUNG):
            self._cluster.recover(instance)

    # The rest.

    def _lag_dns(self, event: Event) -> None:
        self._cluster.dns_lag = _DNS_LAG
        self._after(event.lasts, self._restore_dns)

    def _freeze_dns(self, event: Event) -> None:
        self._cluster.dns_lag = _FROZEN
        # Longer than what else is wrong: a failover or two fall into it.
        self._after(3 * event.lasts, self._restore_dns)

    def _flap_dns(self, event: Event) -> None:
        self._cluster.dns_flap = _FLAP
        self._freeze_dns(event)

    def _restore_dns(self) -> None:
        self._cluster.dns_lag = self._cluster.dns_flap = 0.0

    def _refuse_logins(self, event: Event) -> None:
        self._trouble(ALL, event.lasts)
        self._account.lock()
        self._after(event.lasts, self._account.unlock)

    def _rotate_password(self, event: Event) -> None:
        self._password = password = secrets.token_hex(8)
        self._account.change(password)
        lag = _pick((0.0, _ROTATION_LAG), event.choice)
        self._trouble(ALL, lag)
        self._after(lag, lambda: self._command("password", password=password))

    def _freeze_view(self, event: Event) -> None:
        instance = _pick(self._cluster.instances, event.choice)
        self._cluster.freeze_view(instance)
        self._trouble(instance, event.lasts)
        self._after(event.lasts, lambda: self._cluster.set_view(instance, None))

    def _contradict(self, event: Event) -> None:
        cluster = self._cluster
        others = [instance for instance in cluster.instances if instance != cluster.writer]
        rows = views.contradicting(_pick(others, event.choice), cluster.instances)
        self._show(rows, event)

    def _garbage_view(self, event: Event) -> None:
        self._show(_pick(views.garbage(self._cluster.instances), event.choice), event)

    def _show(self, rows: list[object], event: Event) -> None:
        instance = _pick(self._cluster.instances, event.choice // 16)
        self._cluster.set_view(instance, rows)
        self._trouble(instance, event.lasts)
        self._after(event.lasts, lambda: self._cluster.set_view(instance, None))

    def _kill_backends(self, event: Event) -> None:
        victims = 1 + event.choice // 16 % 8
        instance = _pick(self._live(), event.choice)
        self._account.kill(instance, victims)
        self._trouble(instance, 0.0)


_RULES: dict[Action, Callable[[str], Callable[[Gateway], None]]] = {
    Action.HANG_LINKS: lambda place: lambda gateway: gateway.hang(place),
    Action.CUT_LINKS: lambda place: lambda gateway: gateway.cut(place),
    Action.SLOW_LINKS: lambda place: lambda gateway: gateway.slow(place, _DELAY),
    Action.SILENT_LOGINS: lambda place: lambda gateway: gateway.silence_after_login(place),
}
_OTHERS: dict[Action, Callable[[Director, Event], None]] = {
    Action.LAG_DNS: Director._lag_dns,
    Action.FREEZE_DNS: Director._freeze_dns,
    Action.FLAP_DNS: Director._flap_dns,
    Action.REFUSE_LOGINS: Director._refuse_logins,
    Action.ROTATE_PASSWORD: Director._rotate_password,
    Action.FREEZE_VIEW: Director._freeze_view,
    Action.CONTRADICT: Director._contradict,
    Action.GARBAGE_VIEW: Director._garbage_view,
    Action.KILL_BACKENDS: Director._kill_backends,
}


def _pick(among: Sequence[T], choice: int) -> T:
    return among[choice % len(among)]
