"""Ten thousand processes at one failover: a simulation of discrete events, with the real pace.

The writer ends all its connections at once, or is demoted in place, while its name goes on leading
to it; some time later, a reader is the writer. Each process is what it is in the agent, as far as
logins are concerned: a `Detector`, a `LoginPace`, one connection that stays open while it is in
doubt, and logins that go on though no refresh waits for them. Servers carry out logins one after
the other; one that is given up costs the server all the same.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aurora_otel.discovery.abandoned import LATE, MOST_LATE
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.pace import SILENT_FIRST, LoginPace
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.paces import MASS

OLD, NEW = "old writer", "new writer"
READERS = (NEW, "reader")
# Seconds after which a write, or a connect, that was in vain is repeated.
AGAIN = 1.2
# Seconds: a round trip; the background loop; a login is waited for no longer.
ROUND_TRIP = 0.002
TICK = 1.0
WAITED_FOR = 0.5
# Seconds that a login takes a server without a limit.
LOGIN = 0.02


@dataclass(frozen=True, slots=True)
class Scenario:
    """One failover of a fleet.

    Attributes:
        processes: how many there are.
        connections: of the application, in each process, that it opens again at the new writer
            within a second.
        outage: seconds without a writer.
        capacity: logins that each server carries out in a second; `None`: any number.
        is_misrouted: whether the old writer stays up as a reader, where the application's connects
            and writes lead all the time; else it ends all its connections.
        back_after: a misrouted one: seconds after which the old writer, which has ended all its
            connections, is back; 0: it is demoted in place.
        dns_lag: seconds after the promotion for which the writer endpoint leads to the old writer.
        allowed: connections that the old writer allows, in a real fleet: a simulation of a part of
            it has fewer processes, and servers that carry out as many fewer logins; infinity: it
            does not say.
        hasty: the share of the application's failed connects that have the agent log in at once,
            as it does not: what that would do.
    """

    processes: int
    connections: int
    outage: float
    capacity: float | None
    is_misrouted: bool = False
    back_after: float = 0.0
    dns_lag: float = 0.0
    allowed: float = float("inf")
    hasty: float = 0.0

    @property
    def servers(self) -> tuple[str, ...]:
        """Return those that can be logged in to while there is no writer."""
        return (*READERS, OLD) if self.is_misrouted else READERS


@dataclass(slots=True)
class Outcome:
    """What came of it.

    Attributes:
        logins: of the agents, by server and second.
        detected: for each process, seconds from the promotion to its verdict, or without end.
    """

    logins: dict[str, Counter[int]] = field(default_factory=dict)
    detected: list[float] = field(default_factory=list)

    def most(self, server: str) -> int:
        """Return the agents' logins at `server` in its worst second."""
        return max(self.logins[server].values(), default=0)

    def within(self, share: float) -> float:
        """Return the seconds within which this share of the processes had their verdict."""
        return sorted(self.detected)[max(0, round(share * len(self.detected)) - 1)]


class Fleet:
    """A simulation.

    Args:
        scenario: what happens.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.random = random.Random(1)  # noqa: S311 - the same each time
        self.logins = {server: Counter[int]() for server in scenario.servers}
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self._busy = dict.fromkeys(scenario.servers, 0.0)

    def at(self, time: float, event: Callable[[float], None]) -> None:
        """Have something happen at `time`."""
        self._number += 1
        heapq.heappush(self._events, (time, self._number, event))

    def login(self, server: str, now: float) -> float:
        """Begin a login; return when it is answered."""
        capacity = self.scenario.capacity
        if capacity is None:
            return now + LOGIN
        self._busy[server] = max(self._busy[server], now) + 1 / capacity
        return self._busy[server]

    def run(self, horizon: float = 120.0) -> Outcome:
        """Run it until so many seconds after the promotion."""
        end = self.scenario.outage + horizon
        processes = [_Process(self) for _ in range(self.scenario.processes)]
        while self._events and self._events[0][0] < end:
            time, _, event = heapq.heappop(self._events)
            event(time)
        detected = [each.verdict_at - self.scenario.outage for each in processes]
        return Outcome(self.logins, detected)


class _Pace(LoginPace):
    def hasten(self, now: float) -> None:
        """Have a login that is only spread be due at once."""
        self._not_before = min(self._not_before, now)
        self._named_at = min(self._named_at, now)


class _Process:
    def __init__(self, fleet: Fleet) -> None:
        self.verdict_at = float("inf")
        self._fleet = fleet
        self._detector = Detector(Pace(window=180.0, interval=1.0), fleet.random.random)
        self._detector.introduce(OLD)
        self._pace = _Pace(fleet.random.random)
        # Until then a login that was not answered holds the others back.
        self._silent_until = 0.0
        self._kept: str | None = None
        # Logins that go on, and the server at which one of them was carried out.
        self._late: set[str] = set()
        self._logged_in_late: str | None = None
        self._is_refreshing = False
        # What has answered in this refresh, and whether a login was not answered in time.
        self._heard: set[str] = set()
        self._was_silent = False
        outage = fleet.scenario.outage
        back_after, at = fleet.scenario.back_after, fleet.random.random() * 0.1
        if back_after or not fleet.scenario.is_misrouted:
            fleet.at(at, self._lose)
        if fleet.scenario.is_misrouted:
            fleet.at(back_after + at, self._write_in_vain)
        fleet.at(fleet.random.random() * TICK, self._tick)
        # Before, a connect fails, and nothing comes of it.
        first = 0.1 if fleet.scenario.hasty else outage
        for _ in range(fleet.scenario.connections):
            fleet.at(first + fleet.random.random(), self._reconnect)

    # The application.

    def _lose(self, now: float) -> None:
        self._detector.symptom(Symptom.CONNECTION_LOST, now)
        allowed = self._fleet.scenario.allowed
        self._pace.doubt(now, is_mass=True, processes=allowed / MASS)
        self._refresh(now)

    def _write_in_vain(self, now: float) -> None:
        if self.verdict_at <= now:
            return
        self._detector.symptom(Symptom.READ_ONLY, now)
        self._pace.doubt(now, is_mass=False)
        self._pace.back_as_reader(now)
        if not self._is_refreshing and now >= self._detector.retry_at:
            self._refresh(now)
        self._fleet.at(now + AGAIN, self._write_in_vain)

    def _reconnect(self, now: float) -> None:
        scenario = self._fleet.scenario
        goes_straight = self._pace.put_off(now) == NEW or self.verdict_at <= now
        # A misrouted one's name leads to the old writer all the time.
        lag = float("inf") if scenario.is_misrouted else scenario.dns_lag
        if now < scenario.outage or not (goes_straight or now >= scenario.outage + lag):
            self._fail(now)
            return
        # It waits for as long as it takes, and then says that it is the writer.
        self._fleet.at(self._fleet.login(NEW, now), self._settle)

    def _fail(self, now: float) -> None:
        self._fleet.at(now + AGAIN, self._reconnect)
        if self._fleet.scenario.is_misrouted:
            return
        if self._fleet.random.random() < self._fleet.scenario.hasty and now >= self._silent_until:
            self._pace.hasten(now)
        if not self._is_refreshing and now >= self._detector.retry_at and self.verdict_at > now:
            self._refresh(now)

    def _settle(self, now: float) -> None:
        self.verdict_at = min(self.verdict_at, now)

    # The agent.

    def _tick(self, now: float) -> None:
        if self.verdict_at <= now:
            return
        is_connected = self._kept is not None or self._logged_in_late is not None
        may_ask = is_connected and now >= self._detector.retry_at
        if not self._is_refreshing and (may_ask or self._detector.refresh_due(now)):
            self._refresh(now)
        self._fleet.at(now + TICK, self._tick)

    def _refresh(self, now: float) -> None:
        self._is_refreshing = True
        self._heard.clear()
        if self._kept is None:
            self._ask_others(now)
        else:
            self._fleet.at(now + ROUND_TRIP, lambda then: self._hear(str(self._kept), then))

    def _hear(self, server: str, now: float) -> None:
        """Have an answer of `server`."""
        if server != OLD or self._kept is None:
            # The former writer is not the next one.
            self._kept = server
        self._heard.add(server)
        if not self._is_claimed(now):
            is_promoted = now >= self._fleet.scenario.outage
            self._pace.named(NEW if is_promoted else OLD, now)
            self._ask_others(now)
        elif self._fleet.scenario.is_misrouted and OLD not in self._heard:
            # Whatever the pace: a claim waits for what it says.
            self._log_in(OLD, now)
        else:
            # The old writer has denied, or is away and refuses the connection.
            self._settle(now)

    def _is_claimed(self, now: float) -> bool:
        """Return whether the new writer has claimed to be one in this refresh."""
        return now >= self._fleet.scenario.outage and NEW in self._heard

    def _ask_others(self, now: float) -> None:
        others = [server for server in READERS if server not in self._heard]
        self._fleet.random.shuffle(others)
        if self._is_old_up(now) and OLD not in self._heard:
            # By the application's own host, which comes after the first instance.
            others.insert(1, OLD)
        if (late := self._logged_in_late) in others:
            self._logged_in_late = None
            self._fleet.at(now + ROUND_TRIP, lambda then: self._hear(str(late), then))
            return
        due = [
            server
            for server in others
            if server not in self._late and self._pace.may_log_in(server, now)
        ]
        if not due:
            self._end(now)
            return
        self._log_in(due[0], now)

    def _is_old_up(self, now: float) -> bool:
        """Return whether the old writer can be logged in to."""
        return self._fleet.scenario.is_misrouted and now >= self._fleet.scenario.back_after

    def _log_in(self, server: str, now: float) -> None:
        self._fleet.logins[server][int(now)] += 1
        answered = self._fleet.login(server, now)
        if answered - now <= WAITED_FOR:
            self._fleet.at(answered, lambda then: self._logged_in(server, then))
            return
        if goes_on := server != OLD and len(self._late) < MOST_LATE:
            self._late.add(server)
            is_in_time = answered - now <= LATE
            self._fleet.at(
                now + min(LATE, answered - now),
                lambda then: self._end_late(server, then, is_in_time=is_in_time),
            )
        self._fleet.at(now + WAITED_FOR, lambda then: self._go_on(server, then, is_late=goes_on))

    def _logged_in(self, server: str, now: float) -> None:
        self._pace.logged_in(server, now)
        self._hear(server, now)

    def _go_on(self, server: str, now: float, *, is_late: bool) -> None:
        """Wait for a login no longer."""
        self._was_silent = True
        self._silent_until = now + SILENT_FIRST / 2
        if not is_late:
            self._pace.silent(server, now)
        if self._is_claimed(now):
            self._settle(now)
        else:
            self._ask_others(now)

    def _end_late(self, server: str, now: float, *, is_in_time: bool) -> None:
        self._late.discard(server)
        if not is_in_time:
            self._pace.silent(server, now)
            return
        self._pace.logged_in(server, now)
        if self._logged_in_late is None:
            self._logged_in_late = server

    def _end(self, now: float) -> None:
        self._is_refreshing = False
        if self._was_silent and not self._heard:
            self._pace.in_vain()
        self._was_silent = False
        self._detector.refreshed(now, confirmed=False)
