"""What the files of most drivers have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from aurora_otel.drivers.protocol import ATTRIBUTE, Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track


class DriverBase:
    """The base of a `Driver` whose connections take attributes."""

    postpones_answers: bool = False

    def mark(self, connection: Any, track: Track) -> None:
        """Set the attribute that the hooks read."""
        setattr(connection, ATTRIBUTE, track)


@contextlib.contextmanager
def second_attempt(connection: Any) -> Iterator[dict[str, Any]]:
    """Connect again under the same object, which stays as it was if that fails.

    Args:
        connection: the object; its state is all in its attributes.

    Yields:
        its attributes as they were.
    """
    before = vars(connection).copy()
    try:
        yield before
    except BaseException:
        vars(connection).clear()
        vars(connection).update(before)
        raise


class SocketMonitor:
    """A `Monitor` over a connection of our own whose socket is known.

    Args:
        connection: the connection, made below every patch.
        sock: its socket.
        ask: runs a statement on it, as `Monitor.ask`.
        close: closes it; never raises.
    """

    def __init__(
        self,
        connection: Any,
        sock: sockets.SocketId | None,
        ask: Callable[[Any, str, float], Rows],
        close: Callable[[Any], None],
    ) -> None:
        self._connection = connection
        self._socket = sock
        self._ask = ask
        self._close = close

    @property
    def peer(self) -> Address | None:
        """The network address at its other end, if that is known."""
        return sockets.peer(self._socket.fd) if self._socket else None

    def ask(self, statement: str, timeout: float) -> Rows:
        """Run one statement; as `Monitor.ask`."""
        return self._ask(self._connection, statement, timeout)

    def close(self) -> None:
        """Close the connection."""
        self._close(self._connection)

    def abort(self) -> None:
        """Shut the socket down, which makes a blocked `ask` fail."""
        sockets.shut_down(self._socket)
