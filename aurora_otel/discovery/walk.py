"""The topology by SQL: follow what instances say until one confirms that it is the writer.

One connection of ours at a time moves from instance to instance; the last one stays open for as
long as a refresh window needs it.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from aurora_otel.discovery.source import NoAnswerError, Rows, TopologySource
from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Answer, Reading, Source, Verdict

# So many names are followed in one reading: a server that names another one each time it is asked
# would never be done with.
MOST_NAMES = 16


class Connection(Protocol):
    """What the walk needs of a connection of ours."""

    def ask(self, statement: str, timeout: float) -> Rows:
        """Run one statement."""

    def close(self) -> None:
        """Close it."""

    def abort(self) -> None:
        """Make a blocked `ask` fail."""


class Target(NamedTuple):
    """Somebody to ask.

    Attributes:
        instance: who that is, if that is known beforehand.
        address: where; `None`: where the application itself connects.
    """

    instance: str | None
    address: Address | None


class Walk:
    """Reads one cluster's topology; used by one thread at a time, `stop` apart.

    Args:
        source: returns how its instances are asked, once that is known.
        connect: opens a connection to a target within so many seconds; raises the driver's errors,
            and `LoginNotAllowedError`.
        locate: returns where an instance is reached, if that is known.
        refused: whether an error of `connect` means that no login works there.
        clock: the monotonic clock.
    """

    def __init__(
        self,
        source: Callable[[], TopologySource | None],
        connect: Callable[[Target, float], Connection],
        locate: Callable[[str], Address | None],
        refused: Callable[[Exception], bool],
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._connect = connect
        self._locate = locate
        self._refused = refused
        self._clock = clock
        self._connection: Connection | None = None
        self._at: str | None = None
        self._stopped = False
        # Instances that hung: not tried again before this time, because each try hangs again.
        self._avoid: dict[str, float] = {}

    def read(
        self,
        targets: Iterable[Target],
        timeout: float,
        *,
        view: bool,
        suspect: str | None = None,
    ) -> Reading:
        """Ask `targets` in turn, and whoever they name, until a writer confirms.

        Args:
            targets: whom to ask, the most promising first.
            timeout: seconds for each connect and each question.
            view: whether instances may be asked for their view of the others.
            suspect: the instance that showed a symptom: it may hang.
        """
        began = self._clock()
        self._avoid = {name: until for name, until in self._avoid.items() if until > began}
        waiting = deque(targets)
        if self._at not in (None, suspect):
            # An open connection answers in one round trip.
            waiting.appendleft(Target(self._at, None))
        asked: set[str] = set()
        instances: dict[str, None] = {}
        named = error = None
        reached = refused = False
        follow = MOST_NAMES
        while waiting and not self._stopped:
            target = waiting.popleft()
            if target.instance in asked or target.instance in self._avoid:
                continue
            if target.instance:
                asked.add(target.instance)
            try:
                answer = self._ask(target, timeout, view=view)
            except Exception as failure:  # noqa: BLE001 - drivers raise what they like
                if target.address is None and not isinstance(failure, TimeoutError):
                    # The connection was broken: that says nothing of the instance.
                    asked.discard(target.instance or "")
                self.close()
                error = type(failure).__qualname__
                refused = refused or self._refused(failure)
                continue
            reached = True
            asked.add(answer.instance)
            seen = answer.view.instances if answer.view else ()
            instances.update(dict.fromkeys((*seen, answer.instance)))
            if answer.is_writer:
                verdict = Verdict(answer.instance, tuple(instances), began)
                return Reading(Source.SQL, began, answer.instance, verdict.instances, verdict)
            named = (answer.view.writer if answer.view else None) or named
            if named and named not in asked and follow > 0:
                follow -= 1
                waiting.appendleft(Target(named, self._locate(named)))
        return Reading(
            Source.SQL,
            began,
            named,
            tuple(instances),
            error=error,
            login_refused=refused and not reached,
        )

    def close(self) -> None:
        """Close the connection, if one is open."""
        connection, self._connection, self._at = self._connection, None, None
        if connection is not None:
            # It is gone for us, whatever its driver says.
            with contextlib.suppress(Exception):
                connection.close()

    @property
    def is_connected(self) -> bool:
        """Whether a connection of ours is open."""
        return self._connection is not None

    def stop(self) -> None:
        """Make a reading under way end soon; from any thread."""
        self._stopped = True
        if (connection := self._connection) is not None:
            with contextlib.suppress(Exception):
                connection.abort()

    def _ask(self, target: Target, timeout: float, *, view: bool) -> Answer:
        if (source := self._source()) is None:
            raise NoAnswerError("no instance has said yet what kind of cluster this is")
        started = self._clock()
        try:
            if self._connection is None or target.instance is None or target.instance != self._at:
                # One at a time: the one before goes first.
                self.close()
                self._connection = self._connect(target, timeout)
            rows = self._connection.ask(source.question(view=view), timeout)
        except TimeoutError:
            if target.instance:
                now = self._clock()
                self._avoid[target.instance] = now + 2 * (now - started)
            raise
        answer = source.parse_answer(rows)
        if target.address and target.instance and target.instance != answer.instance:
            raise NoAnswerError("another instance answered")
        self._at = answer.instance
        return answer
