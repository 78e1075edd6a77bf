"""What the drivers of MySQL for event loops have in common.

With all of them it is the object itself that connects, and connects again.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol, cast

from aurora_otel.drivers.base import DriverBase
from aurora_otel.drivers.common.mysql_family import SYSTEM, Call, loss
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.connects import Attempt, Login, Opening
from aurora_otel.drivers.marks import ATTRIBUTE, unmark
from aurora_otel.drivers.protocol import Driver, Hooks, Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime.coroutines import run
from aurora_otel.tracking.track import Track

# The packet of `COM_QUIT`.
_QUIT = b"\x01\x00\x00\x00\x01"
# On a connection: the process that opened it.
_PID = "_aurora_otel_pid"


class Connects(NamedTuple):
    """How the objects of a driver connect.

    Attributes:
        host: the one host that an object was given, as in `Attempt`.
        is_lost: whether the driver found a session lost, and kept the error to itself.
        stays: whether a connect leaves an object as it is, because it is connected.
    """

    host: Callable[[Any, Call], Address | None]
    is_lost: Callable[[Any], bool]
    stays: Callable[[Any], bool] = lambda _: False


class Session(Protocol):
    """A driver's file `session`: its sessions below every patch."""

    def settings_of(self, connection: Any) -> Settings:
        """Return how a connection was configured to connect."""

    def fileno(self, connection: Any) -> int:
        """Return the descriptor of a connection's socket, -1 once that is gone."""

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver takes a connection for closed."""

    async def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run one statement and leave the connection's state as it is; as `Driver.ask`."""

    def drop(self, connection: Any) -> None:
        """Close a connection's socket, past the hooks on its methods."""

    async def connect_again(self, connection: Any, connect: Callable[[], Any]) -> Any:
        """Connect the same object once more; it keeps its session until that is done."""

    async def connect_straight(self, connection: Any, call: Call, address: Address) -> Any:
        """As `connect_again`, to `address`; in all else, the host stays what was given."""


class Settings(NamedTuple):  # noqa: PLW1641 - there is a dict in it
    """How a connection was configured to connect.

    Attributes:
        attributes: of its object.
    """

    attributes: dict[str, Any]

    def __repr__(self) -> str:
        return "<Settings>"  # a secret is among them

    def __eq__(self, other: object) -> bool:
        """Return whether both connect alike: each connection may have a TLS context of its own."""
        if not isinstance(other, Settings):
            return NotImplemented
        return _without_contexts(self.attributes) == _without_contexts(other.attributes)

    @classmethod
    def of(cls, connection: Any, names: Iterable[str]) -> Settings:
        """Return those of a connection that are among its attributes."""
        found = {name: getattr(connection, name) for name in names if hasattr(connection, name)}
        return cls(found)

    def put_on(self, connection: Any, address: Address | None) -> None:
        """Have another object connect alike; to `address`, if that is another one."""
        for name, value in self.attributes.items():
            setattr(connection, name, value)
        if address is not None:
            connection._host, connection._port = address  # noqa: SLF001 - nothing public takes them
            connection._unix_socket = None  # noqa: SLF001 - as above

    def with_changed(self, **changed: Any) -> Settings:
        """Return them with other values of some attributes."""
        return Settings({**self.attributes, **changed})


def _without_contexts(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: isinstance(value, ssl.SSLContext) or value for name, value in attributes.items()}


def is_of_tls(error: Exception) -> bool:
    """Return whether it was TLS that failed, under whatever a driver makes of it."""
    return isinstance(error.__cause__, ssl.SSLError)


class AsyncMySQLBase(DriverBase):
    """The base of such a driver.

    Attributes:
        session: the driver's file of that name.
    """

    system = SYSTEM
    session: Session

    def mark(self, connection: Any, track: Track) -> None:
        """Set the attributes that hooks read."""
        vars(connection).update({ATTRIBUTE: track, _PID: os.getpid()})

    def fileno(self, connection: Any) -> int:
        """Return the descriptor of its transport's socket, -1 once that is gone."""
        return self.session.fileno(connection)

    async def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement below the cursors: nothing of it stays in the connection's state."""
        return await self.session.ask(connection, statement, timeout)

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver takes it for closed."""
        return self.session.is_closed(connection)

    def discard(self, connection: Any) -> None:
        """Close its socket."""
        self.session.drop(connection)

    def watch_connect(
        self, patches: Patches, hooks: Hooks, method: tuple[type, str], how: Connects
    ) -> None:
        """Wrap the coroutine function by which an object connects, and connects again.

        Args:
            patches: where to note what is replaced.
            hooks: where to report it, and the session that the object had before, which is over.
            method: the class and the function's name.
            how: they connect.
        """

        async def connected(connection: Any, call: Call) -> None:
            await _end(hooks, connection, how)

            async def first() -> Any:
                await call.connect()
                return connection

            async def straight(to: Whereabouts) -> Any:
                return await self.session.connect_straight(connection, call, to.address)

            def opening(_: Any) -> Opening | None:
                return hooks.guarded(self._opening, connection, call)

            host = hooks.guarded(how.host, connection, call)
            attempt = Attempt(host, first, straight if host else None, opening)
            await run(hooks.connect_steps(cast("Driver", self), attempt))

        def connect(
            wrapped: Callable[..., Any],
            connection: Any,
            args: tuple[Any, ...],
            kwargs: dict[str, Any],
        ) -> Any:
            if hooks.guarded(how.stays, connection):
                return wrapped(*args, **kwargs)
            return connected(connection, Call(wrapped, args, kwargs, time.time_ns()))

        patches.wrap(*method, connect)

    def _opening(self, connection: Any, call: Call) -> Opening:
        again = functools.partial(self.session.connect_again, connection, call.connect)
        return Opening(connection, Login(self.session.settings_of(connection)), again, call.began)


@contextlib.contextmanager
def asking(connection: Any) -> Iterator[None]:
    """Have a question count as a call: what ends a lost connection meanwhile is not the owner."""
    track: Track | None = getattr(connection, ATTRIBUTE, None)
    if track is not None:
        track.in_flight_since = time.monotonic()
    try:
        yield
    finally:
        if track is not None:
            track.in_flight_since = 0.0


def descriptor(transport: Any) -> int:
    """Return the descriptor of a transport's socket, -1 without one."""
    sock = None if transport is None else transport.get_extra_info("socket")
    return -1 if sock is None else int(sock.fileno())


def end_session(transport: Any, errors: tuple[type[Exception], ...]) -> None:
    """End the session over a transport, if there is one, as its server expects it.

    Args:
        transport: the transport; `None` without a session.
        errors: what a transport raises that is gone.
    """
    if transport is not None:
        with contextlib.suppress(*errors):
            transport.write(_QUIT)
            transport.close()


async def connect_to(
    connection: Any,
    connect: Callable[[], Any],
    address: Address,
    first: str = "_set_keep_alive",
) -> None:
    """Have an object connect to `address`; in all else, it keeps its own host.

    Args:
        connection: the object.
        connect: has it connect to its host and port.
        address: where to.
        first: the name of the first method that it calls once TCP has connected.
    """
    given = {"_host": connection._host, "_port": connection._port}  # noqa: SLF001 - nothing public takes them
    go_on = getattr(connection, first)

    def give_back_and_go_on() -> Any:
        give_back()
        return go_on()

    def give_back() -> None:
        vars(connection).update(given)
        vars(connection).pop(first, None)

    changed = {"_host": address.host, "_port": address.port, first: give_back_and_go_on}
    vars(connection).update(changed)
    try:
        await connect()
    finally:
        give_back()


async def _end(hooks: Hooks, connection: Any, how: Connects) -> None:
    """Report the end of the session that an object had before it connects again, if it had one."""
    lost = bool(hooks.guarded(how.is_lost, connection))
    track = unmark(connection)
    if track is None:
        return
    if lost and not track.closed:
        await run(hooks.failed_steps(track, loss))
    hooks.closed(track)


def watch_close(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `original`, a method that waits for nothing, as one that reports the end.

    Args:
        hooks: where to report.
        original: closes a connection; drivers call it themselves where a call finds it lost.
    """

    @functools.wraps(original)
    def close(self: Any) -> None:
        original(self)
        track = getattr(self, ATTRIBUTE, None)
        # A call that is in flight reports the loss, and then the end.
        if track is not None and not track.in_flight_since:
            hooks.closed(track)

    return close


def collecting(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return `original`, a finalizer that closes a connection, as one that reports no close.

    So a connection that was never closed counts as collected. In a forked child, what it has is
    kept for ever: what a loop watches is its parent's, too, and to close the connection, as what
    it has does when that is collected, would have the parent's loop hear of it no more.
    """

    @functools.wraps(original)
    def __del__(self: Any) -> None:  # noqa: N807 - it stands for one
        attributes = vars(self)
        if attributes.get(_PID, os.getpid()) != os.getpid():
            # Not in a list, which the interpreter would empty when it ends.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(attributes))
            return
        attributes.pop(ATTRIBUTE, None)
        original(self)

    return __del__
