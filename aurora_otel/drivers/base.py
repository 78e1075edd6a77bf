"""What the files of most drivers have in common."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from typing import Any

from aurora_otel.drivers.connects import LoginFailure
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track

_OPERATIONAL = {"OperationalError", "InterfaceError"}


class DriverBase:
    """The base of a `Driver` whose connections take attributes."""

    postpones_answers: bool = False

    def mark(self, connection: Any, track: Track) -> None:
        """Set the attribute that the hooks read."""
        setattr(connection, ATTRIBUTE, track)

    def is_unreachable(self, error: Exception) -> bool:
        """Go by PEP 249's names for what is no mistake of the caller's, and by `login_failure`."""
        if isinstance(error, ssl.SSLError):
            return False
        kinds = {kind.__name__ for kind in type(error).__mro__}
        is_of_operation = isinstance(error, OSError) or bool(kinds & _OPERATIONAL)
        return is_of_operation and self.login_failure(error) is None

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Return why a connect failed at the login; as `Driver.login_failure`."""
        raise NotImplementedError


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
    """A `Monitor` over a connection of the agent's own whose socket is known.

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
        """Run one statement within `timeout` seconds; as `Monitor.ask`."""
        return self._ask(self._connection, statement, timeout)

    def close(self) -> None:
        """Close the connection."""
        self._close(self._connection)

    def abort(self) -> None:
        """Shut the socket down, which makes a blocked `ask` fail."""
        sockets.shut_down(self._socket)
