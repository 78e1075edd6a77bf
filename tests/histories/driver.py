"""The `Driver` of the fake servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aurora_otel.drivers.connects import Login, LoginFailure
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track
from tests.histories.servers import Server, Servers, Session

_NAMES = {"postgresql": "psycopg", "mysql": "pymysql"}


class LostError(Exception):
    """The session is gone."""


class FullError(Exception):
    """The server has no connection left."""


class Connection:
    """What the application holds."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.through: Any = None


class Monitor:
    """A connection of the agent's own."""

    def __init__(self, driver: Driver, session: Session) -> None:
        self._driver = driver
        self._session = session

    @property
    def peer(self) -> Address:
        return self._session.peer

    def ask(self, statement: str, timeout: float) -> Rows:
        return self._driver.answer(self._session, statement, timeout)

    def close(self) -> None:
        self._session.close()

    def abort(self) -> None:
        self._session.hang_up()


class Driver:
    """Connects to the world, and asks its servers.

    Args:
        world: the servers.
        pass_time: lets this number of seconds pass for the whole world.
    """

    postpones_answers = False

    def __init__(self, world: Servers, pass_time: Callable[[float], None]) -> None:
        self.name, self.system = _NAMES[world.system], world.system
        self.world = world
        self._pass_time = pass_time
        self.monitored = 0

    def open(self, host: str, port: int, timeout: float) -> Session:
        """Open a session as any client does."""
        return self._open(self.world.resolve(host, port), host, port, timeout)

    def open_at(self, address: Address, host: str, port: int, timeout: float) -> Session:
        """Open a session with the server that has a network address, by another host's name."""
        return self._open(self.world.at(address), host, port, timeout)

    def _open(self, server: Server | None, host: str, port: int, timeout: float) -> Session:
        server = self._reach(server, timeout)
        if not self.world.has_room(server):
            raise FullError
        session = self._session(server, host, port)
        self.world.sessions[session.near.fileno()] = session
        return session

    def _session(self, server: Server, host: str, port: int) -> Session:
        return Session(server, host, port, self.world.peer(server, host, port))

    def _reach(self, server: Server | None, timeout: float) -> Server:
        if server is None or server.is_gone:
            raise LostError
        delay = timeout if server.is_frozen else server.delay
        self._pass_time(min(delay, timeout))
        if delay >= timeout:
            raise TimeoutError
        return server

    def answer(self, session: Session, statement: str, timeout: float) -> Rows:
        """Return the rows that a server answers."""
        with self.world.lock:
            server = session.server
            if session.is_cut:
                raise LostError
            self._reach(server, timeout)
            return self.world.answer(session, statement)

    def address(self, connection: Connection) -> Address:
        return Address(connection.session.host, connection.session.port)

    def backend_id(self, connection: Connection) -> str:
        return connection.session.number

    def fileno(self, connection: Connection) -> int:
        return connection.session.near.fileno()

    def accepts_questions(self, _: Connection, __: Login) -> bool:
        return True

    def is_idle(self, _: Connection) -> bool:
        return True

    def ask(self, connection: Connection, statement: str, timeout: float) -> Rows:
        return self.answer(connection.session, statement, timeout)

    def is_closed(self, connection: Connection) -> bool:
        return connection.session.is_cut

    def discard(self, connection: Connection) -> None:
        connection.session.close()

    def mark(self, connection: Connection, track: Track) -> None:
        setattr(connection, ATTRIBUTE, track)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        with self.world.lock:
            self.monitored += 1
            return Monitor(self, self.open(*(address or login.parameters), timeout))

    def is_unreachable(self, error: Exception) -> bool:
        return isinstance(error, LostError | TimeoutError)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        return LoginFailure.FULL if isinstance(error, FullError) else None

    def password(self, login: Login) -> str | None:
        return None

    def with_password(self, login: Login, password: str) -> Login:
        return login


def identity(connection: Connection) -> sockets.SocketId | None:
    """Return the identity of a connection's socket."""
    return sockets.identify(connection.session.near.fileno())
