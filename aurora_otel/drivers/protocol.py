"""What a driver's file offers to the core, and what the core offers to it.

A driver's file knows its driver, these protocols, the values that they exchange (`connects`) and
the mark on a connection (`marks`), and nothing of the agent: it is handed the hooks. See
`docs/design.md`, "Drivers".

Some drivers connect again under the same object: by a method of it, or by themselves. That is an
end and a beginning: the file reports `closed` for the track before, takes the mark off (`unmark`),
and then reports `opened` with the same object, whose `reconnect` returns it again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from types import ModuleType
from typing import Any, NamedTuple, Protocol, TypeVar

from aurora_otel.drivers.connects import Attempt, Login, LoginFailure, Opening
from aurora_otel.model.endpoints import Address
from aurora_otel.model.rows import Rows as Rows  # noqa: PLC0414 - drivers know this file alone
from aurora_otel.model.symptoms import Symptom
from aurora_otel.runtime.effects import Steps
from aurora_otel.tracking.track import Track

T = TypeVar("T")


class Failure(NamedTuple):
    """An error on a tracked connection, as the driver's file understands it.

    Attributes:
        symptom: what it is a symptom of, if it is one.
        lost: whether the driver takes the connection for gone.
        may_wait: whether the thread that met it may wait for a refresh. Not in a rollback: pools
            run it from weakref callbacks, inside anything.
        is_of_reader: whether it says that the server accepts no writes: a read-only transaction
            of the application's own is refused with another error.
    """

    symptom: Symptom | None
    lost: bool
    may_wait: bool = True
    is_of_reader: bool = False


class Hooks(Protocol):
    """What a driver's file reports. None of these raises, and none changes what is reported.

    Except that `connect_steps` raises what the application's own connect would.
    """

    def connect_steps(self, driver: Driver, attempt: Attempt) -> Steps[Any]:
        """Return the steps of a connect: it is made, identified and tracked.

        They end with the connection to hand to the application. `runtime.blocking.run` carries
        them out; a driver for an event loop has `runtime.coroutines.run` do that.
        """

    def goes_straight(self, host: Address) -> bool:
        """Return whether a connect to `host` would be led straight to the writer at this moment.

        Then its name need not be resolved; and one that hangs has somewhere else to go.
        """

    def opened(self, driver: Driver, opening: Opening) -> Any:
        """Identify and track a new connection; return the one to hand to the application."""

    def before_call(self, track: Track) -> None:
        """Refresh the topology, if that is due: `track.cluster.alert` is set."""

    def failed(
        self, track: Track, failure_of: Callable[[], Failure], error: Exception | None = None
    ) -> None:
        """Take note of an error; act on it if it is a symptom.

        Args:
            track: of the connection.
            failure_of: returns what the error means; it may raise, which goes no further.
            error: the error, if the application gets it: it is given a note if a failover is its
                cause.
        """

    # For a driver on an event loop: the steps of the three above, to be awaited.

    def opened_steps(self, driver: Driver, opening: Opening) -> Steps[Any]:
        """Return the steps of `opened`."""

    def before_call_steps(self, track: Track) -> Steps[None]:
        """Return the steps of `before_call`."""

    def failed_steps(
        self, track: Track, failure_of: Callable[[], Failure], error: Exception | None = None
    ) -> Steps[None]:
        """Return the steps of `failed`."""

    # These wait for nothing.

    def given_up(self, track: Track, since: float) -> None:
        """Take note that the application cancelled a call, or that its time-out ended it.

        Args:
            track: of the connection.
            since: when the call began, in seconds of the monotonic clock.
        """

    def hung_up(self, track: Track) -> None:
        """Take note that the server hung up on a connection with no call in flight.

        For a driver that watches idle connections itself.
        """

    def closed(self, track: Track) -> None:
        """Take note that the application closed the connection. Only appends."""

    def guarded(self, question: Callable[..., T], *args: Any) -> T | None:
        """Ask a driver's file something; what goes wrong there goes no further: `None`."""


def report_opened(
    hooks: Hooks, driver: Driver, opening_of: Callable[..., Opening], *args: Any
) -> None:
    """Report an object that has connected; one that cannot be described stays untracked.

    Args:
        hooks: where to report.
        driver: of the object.
        opening_of: describes it.
        args: for `opening_of`.
    """
    opening = hooks.guarded(opening_of, *args)
    if opening is not None:
        hooks.opened(driver, opening)


class Traced(Protocol):
    """Turns a cursor's method into one that makes a query span."""

    def __call__(
        self,
        system: str,
        original: Callable[..., Any],
        *,
        attributes: Mapping[str, str],
        connection_of: Callable[[Any], Any] = ...,
        statement_of: Callable[[Any, tuple[Any, ...]], Any] = ...,
    ) -> Callable[..., Any]:
        """Return a method that makes a span around `original`.

        Args:
            system: `db.system.name`.
            original: takes the cursor, the statement and whatever else.
            attributes: where a connection shows its `database`, `host` and `port`: names
                of attributes with dots between them.
            connection_of: returns a cursor's connection; by default its attribute `connection`.
            statement_of: returns the statement, given the cursor and the call's positional
                arguments; by default the first of those.
        """


class Monitor(Protocol):
    """A connection of the agent's own, never tracked, never seen by other instrumentations."""

    @property
    def peer(self) -> Address | None:
        """The network address at its other end, if that is known."""

    def ask(self, statement: str, timeout: float) -> Rows:
        """Run one statement outside any transaction.

        Raises:
            TimeoutError: it took longer than `timeout` seconds.
            Exception: the driver's own.
        """

    def close(self) -> None:
        """Close it; never raises."""

    def abort(self) -> None:
        """Make a blocked `ask` fail at once; called from another thread."""


class Driver(Protocol):
    """One DB-API driver."""

    @property
    def name(self) -> str:
        """`aurora.driver`."""

    @property
    def system(self) -> str:
        """`db.system.name`."""

    def install(
        self, module: ModuleType, hooks: Hooks, traced: Traced | None
    ) -> Callable[[], None]:
        """Patch the driver.

        Args:
            module: the driver's.
            hooks: where to report.
            traced: makes query spans, if they are wanted.

        Returns:
            what undoes it.
        """

    def address(self, connection: Any) -> Address:
        """Return the host, as the application wrote it, and the port."""

    def backend_id(self, connection: Any) -> str | None:
        """Return the server's number for the session that the login handed out."""

    def fileno(self, connection: Any) -> int:
        """Return the descriptor of its socket; below 0 if it has none or shows none."""

    def accepts_questions(self, connection: Any, login: Login) -> bool:
        """Return whether the agent may ever ask something on a connection opened like this."""

    def is_idle(self, connection: Any) -> bool:
        """Return whether a statement of the agent's would disturb nothing on it now."""

    def ask(
        self, connection: Any, statement: str, timeout: float
    ) -> Rows | Coroutine[Any, Any, Rows]:
        """Run one statement on an application's fresh connection.

        Outside any transaction, and without a trace in the connection's state. On a connection of
        an event loop it is a coroutine function, as `Opening.reconnect` is.

        Args:
            connection: the connection.
            statement: returns few and short rows.
            timeout: seconds for the whole answer.

        Raises:
            TimeoutError: it took longer.
            Exception: the driver's own.
        """

    @property
    def postpones_answers(self) -> bool:
        """Whether a connection is usable after a time-out of `ask`.

        Its next call reads the answer first, then. Otherwise the connection is lost.
        """

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver takes it for closed, without asking the server."""

    def discard(self, connection: Any) -> None:
        """Drop a connection that the application never saw; never raises or blocks.

        Where the object itself connects, `Opening.reconnect` must work on it afterwards.
        """

    def mark(self, connection: Any, track: Track) -> None:
        """Make the hooks find `track` on `connection`."""

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Open a connection of the agent's with the application's login and TLS settings.

        Args:
            login: the application's.
            address: where to; `None`: where the login itself leads.
            timeout: seconds.

        Raises:
            TimeoutError: it took longer.
            Exception: the driver's own.
        """

    def is_unreachable(self, error: Exception) -> bool:
        """Return whether a connect failed because no server was there, or none that was ready.

        Refused, timed out, no such host, starting up: not what a server says about a login.
        """

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Return why a connect failed at the login; `None`: the server was not reached."""

    def password(self, login: Login) -> str | None:
        """Return the password of `login`, if it has one: it may be a token for one host only."""

    def with_password(self, login: Login, password: str) -> Login:
        """Return `login` with another password."""
