"""Proxies before a lab's MariaDB servers, which do with sessions what ProxySQL and MaxScale do.

Neither of the two is a package of Debian's or of PyPI's, so these stand for them, on real sockets
and in front of real servers. Like them, they log clients in themselves, number clients' sessions by
themselves from 1 on, and have sessions of their own on the servers. What else they do was read in
the sources and documents of both (sysown/proxysql, lib/MySQL_Session.cpp and MySQL_Protocol.cpp;
mariadb-corporation/MaxScale, server/core/session.cc and server/modules/protocol/MariaDB).
"""

from __future__ import annotations

import contextlib
import itertools
import re
import secrets
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator

from aurora_otel.lab import Cluster
from aurora_otel.lab import mysql_wire as wire
from aurora_otel.lab.mysql_session import Session

_COM_QUIT, _COM_INIT_DB, _COM_PING = 0x01, 0x02, 0x0E
_IN_TRANSACTION, _AUTOCOMMIT, _MORE_RESULTS = 0x1, 0x2, 0x8
# As the lab's own sessions log in: what is not offered here, no client makes use of.
_CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000
_PLUGIN = b"mysql_native_password\0"
_SETS_AUTOCOMMIT = re.compile(r"\s*SET\s+(@@session\.)?autocommit\b", re.IGNORECASE)
_READS = re.compile(r"\s*(SELECT|SHOW)\b", re.IGNORECASE)


class Backend(Session):
    """A session on a server, over which clients' statements go as they are.

    Attributes:
        autocommit: the statement that last set it.
        status: the server's status flags, as it said last.
    """

    autocommit = ""
    status = _AUTOCOMMIT

    def relay(self, command: bytes) -> bytes:
        """Send a command; return all packets that answer it."""
        self._send(0, command)
        answer, more = b"", True
        while more:
            part, more = self._relayed()
            answer += part
        return answer

    @property
    def number(self) -> int:
        """The server's number for it."""
        return int(self.run("SELECT CONNECTION_ID()")[0][0])

    def _relayed(self) -> tuple[bytes, bool]:
        """Read one result; return it, and whether another one follows."""
        first = self._packet()
        payload = wire.Payload(first[wire.HEADER :])
        kind = payload.number(1)
        if kind == wire.ERROR:
            return first, False
        if kind == wire.OK:
            payload.length()
            payload.length()
            return first, self._note(payload.number(2))
        answer, ends = first, 0
        while ends < len(("columns", "rows")):
            packet = self._packet()
            answer += packet
            is_short = len(packet) < wire.HEADER + 9
            ends += packet[wire.HEADER] == wire.EOF and is_short
            if packet[wire.HEADER] == wire.ERROR:
                return answer, False
        return answer, self._note(int.from_bytes(packet[-2:], "little"))

    def _note(self, status: int) -> bool:
        self.status = status
        return bool(status & _MORE_RESULTS)

    def _packet(self) -> bytes:
        header = self._read(wire.HEADER)
        return header + self._read(int.from_bytes(header[:3], "little"))


class Client:
    """A client's session.

    Attributes:
        number: the proxy's number for it.
        autocommit: the statement by which it last set that.
        held: the session that it keeps, if it keeps one.
        is_pinned: whether it keeps it between its transactions.
        own: its own sessions, by server.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.autocommit = ""
        self.held: Backend | None = None
        self.is_pinned = False
        self.own: dict[tuple[str, int], Backend] = {}


class Proxy:
    """One that runs; a context manager.

    Attributes:
        statements: what clients have sent so far.
        clients: those that are connected.

    Args:
        cluster: what is behind it.
        writer: returns the instance that it takes for the writer.
        number: returns the number of the next client's session.
    """

    version = ""

    def __init__(
        self,
        cluster: Cluster,
        writer: Callable[[], str] | None = None,
        number: Callable[[Proxy], int] | None = None,
    ) -> None:
        self.statements: list[str] = []
        self.clients: set[Client] = set()
        self.cluster = cluster
        self._writer = writer or (lambda: cluster.writer)
        numbers = itertools.count(1)
        self._number = number or (lambda _: next(numbers))
        self._open: list[Backend] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread in accept() keeps the listener open: closing alone would not end it.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            each.__exit__()

    # What the two do differently.

    def answer(self, client: Client, statement: str) -> bytes | None:
        """Return the proxy's own answer to a statement; `None`: a server's is wanted."""

    def lease(self, client: Client, statement: str) -> Backend:
        """Return the session that a client's statement goes over."""
        raise NotImplementedError

    def release(self, client: Client, backend: Backend) -> None:
        """Take a session back after a statement."""

    # What they have in common.

    def log_in(self, instance: str) -> Backend:
        """Open a session on a server."""
        cluster = self.cluster
        address = cluster.plain_address(instance)
        backend = Backend(address, cluster.user, cluster.password, cluster.database)
        self._open.append(backend)
        return backend

    @property
    def writer(self) -> str:
        """The instance that it takes for the writer."""
        return self._writer()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[near], daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        client = Client(self._number(self))
        with near, near.makefile("rb") as stream, contextlib.suppress(OSError):
            near.sendall(wire.packet(0, self._greeting(client)))
            next(_packets(stream))
            near.sendall(wire.packet(2, _ok()))
            self.clients.add(client)
            try:
                for command in _packets(stream):
                    if command[0] == _COM_QUIT:
                        return
                    near.sendall(self._obey(client, command))
            finally:
                self.clients.discard(client)

    def _greeting(self, client: Client) -> bytes:
        salt = secrets.token_hex(10).encode()
        low, high = (_CAPABILITIES >> shift & 0xFFFF for shift in (0, 16))
        return b"".join(
            (
                b"\x0a",
                self.version.encode() + b"\0",
                client.number.to_bytes(4, "little"),
                salt[:8] + b"\0",
                low.to_bytes(2, "little"),
                bytes([45]),
                _AUTOCOMMIT.to_bytes(2, "little"),
                high.to_bytes(2, "little"),
                bytes([len(salt) + 1]) + bytes(10),
                salt[8:] + b"\0" + _PLUGIN,
            )
        )

    def _obey(self, client: Client, command: bytes) -> bytes:
        if command[0] in (_COM_PING, _COM_INIT_DB):
            return wire.packet(1, _ok())
        if command[0] != wire.COM_QUERY:
            return wire.packet(1, b"\xff\x17\x04#08S01no such command")
        statement = command[1:].decode("utf-8", "replace")
        self.statements.append(statement)
        own = self.answer(client, statement)
        if own is not None:
            return own
        if _SETS_AUTOCOMMIT.match(statement):
            client.autocommit = statement
        backend = self.lease(client, statement)
        if client.autocommit not in (backend.autocommit, statement):
            backend.relay(bytes([wire.COM_QUERY]) + client.autocommit.encode())
        backend.autocommit = client.autocommit
        try:
            return backend.relay(command)
        finally:
            self.release(client, backend)


class ProxySQL(Proxy):
    """As ProxySQL: statements of many clients go over a few sessions, by turns.

    A client keeps one for a transaction, and once it has sent an `@` for as long as that leads to
    the writer. The proxy answers two statements itself.
    """

    version = "5.5.30"

    def __init__(self, *args: object, **kwargs: object) -> None:
        self._idle: dict[str, list[Backend]] = defaultdict(list)
        self._where: dict[Backend, str] = {}
        super().__init__(*args, **kwargs)

    def answer(self, client: Client, statement: str) -> bytes | None:
        """Answer what only a proxy knows, word by word."""
        if statement == "SELECT CONNECTION_ID()":
            return _row("CONNECTION_ID()", str(client.number))
        if statement.lower() == "select @@version_comment limit 1":
            return _row("@@version_comment", "(ProxySQL)")
        return None

    def lease(self, client: Client, statement: str) -> Backend:
        """Return an idle session on the writer, or the one that the client keeps."""
        client.is_pinned = client.is_pinned or "@" in statement
        backend, client.held = client.held, None
        if backend is None:
            return self.idle()
        if self._where[backend] == self.writer or backend.status & _IN_TRANSACTION:
            return backend
        self._put_back(backend)
        return self.idle()

    def release(self, client: Client, backend: Backend) -> None:
        """Keep it for the client, or put it back."""
        if backend.status & _IN_TRANSACTION or client.is_pinned:
            client.held = backend
        else:
            self._put_back(backend)

    def idle(self) -> Backend:
        """Take an idle session on the writer; opens one if there is none."""
        writer = self.writer
        if self._idle[writer]:
            return self._idle[writer].pop()
        backend = self.log_in(writer)
        self._where[backend] = writer
        return backend

    def next_session(self) -> int:
        """Return the number of the session on the writer that the next statement goes over."""
        backend = self.idle()
        self._put_back(backend)
        return backend.number

    def _put_back(self, backend: Backend) -> None:
        self._idle[self._where[backend]].append(backend)


class MaxScale(Proxy):
    """As MaxScale's `readwritesplit` with `master_reconnection`.

    Each client has sessions of its own, with the writer and with a replica. What reads goes to the
    replica, but for what is in a transaction. A new writer gets another session of the client's.
    """

    version = "5.5.5-10.11.9-MariaDB-maxScale"

    def lease(self, client: Client, statement: str) -> Backend:
        """Return the client's session on the server for this statement."""
        writer = self.writer
        is_open = any(each.status & _IN_TRANSACTION for each in client.own.values())
        has_autocommit = client.autocommit.rstrip(" ;").endswith(("1", "ON", "on")) or (
            not client.autocommit
        )
        others = [each for each in self.cluster.instances if each != writer]
        reads = _READS.match(statement) and has_autocommit and not is_open
        instance = others[0] if reads and others else writer
        address = self.cluster.plain_address(instance)
        if address not in client.own:
            client.own[address] = self.log_in(instance)
        return client.own[address]


def _packets(stream: object) -> Iterator[bytes]:
    """Yield the payloads that a client sends, until it hangs up."""
    while len(header := stream.read(wire.HEADER)) == wire.HEADER:  # type: ignore[attr-defined]
        yield stream.read(int.from_bytes(header[:3], "little"))  # type: ignore[attr-defined]


def _ok() -> bytes:
    return b"\0\0\0" + _AUTOCOMMIT.to_bytes(2, "little") + b"\0\0"


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


def _row(name: str, value: str) -> bytes:
    """Return a result of one row with one column."""
    column = _text("def") + b"\0" * 3 + _text(name) + b"\0"
    column += (
        b"\x0c" + (45).to_bytes(2, "little") + (255).to_bytes(4, "little") + b"\xfd" + bytes(5)
    )
    end = bytes([wire.EOF]) + bytes(2) + _AUTOCOMMIT.to_bytes(2, "little")
    payloads = (b"\x01", column, end, _text(value), end)
    return b"".join(wire.packet(number, each) for number, each in enumerate(payloads, start=1))
