"""Fake servers of any kind of cluster, their sessions, and who judges what is shut down.

Everything is in one process, and time passes as a history says: ten thousand take minutes.
"""

from __future__ import annotations

import itertools
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aurora_otel.model.endpoints import Address

if TYPE_CHECKING:
    from aurora_otel.drivers.protocol import Rows
    from aurora_otel.tracking.cluster import Cluster

PORT = 5432
# Where tunnels listen.
TUNNEL = "127.0.0.1"

_numbers = itertools.count(1)
_addresses = itertools.count(1)


def new_address() -> Address:
    """Return a network address that no server has had."""
    number = next(_addresses)
    return Address(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", PORT)


@dataclass(eq=False)
class Server:
    """One server process with its sessions.

    Attributes:
        name: what it is called.
        is_frozen: whether it does not answer, and keeps its sessions.
        is_gone: whether it was deleted or has crashed.
        delay: seconds that it takes to log a client in, and to answer.
        address: its network address, whatever it is called.
    """

    name: str
    is_frozen: bool = field(default=False, kw_only=True)
    is_gone: bool = field(default=False, kw_only=True)
    delay: float = field(default=0.0, kw_only=True)
    address: Address = field(default_factory=new_address, init=False)

    @property
    def accepts_writes(self) -> bool:
        """Return whether it accepts writes."""
        raise NotImplementedError


class Session:
    """One open session: the application's end of a socket, and the server's.

    Attributes:
        peer: the network address at its other end.
    """

    def __init__(self, server: Server, host: str, port: int, peer: Address) -> None:
        self.server = server
        self.host = host
        self.port = port
        self.peer = peer
        self.number = str(next(_numbers))
        self.near, self.far = socket.socketpair()

    @property
    def is_cut(self) -> bool:
        """Return whether either side has ended it."""
        if self.near.fileno() < 0:
            return True
        try:
            return self.near.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """End it from the application's side."""
        self.near.close()
        self.far.close()

    def hang_up(self) -> None:
        """End it from the server's side."""
        self.far.close()


class Servers:
    """Servers, and where each name leads.

    Attributes:
        system: `db.system.name`.
        lock: held while anything changes, and while it is compared with the truth.
        sessions: by descriptor, the last that had it.
    """

    system = "postgresql"

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.sessions: dict[int, Session] = {}

    def resolve(self, host: str, port: int) -> Server | None:
        """Return the server that a host and port lead to now."""
        raise NotImplementedError

    def addresses(self, host: str, port: int) -> frozenset[str]:
        """Return the network addresses that a name leads to now."""
        server = self.resolve(host, port)
        return frozenset({server.address.host}) if server else frozenset()

    def at(self, address: Address) -> Server | None:
        """Return the server that has a network address."""
        raise NotImplementedError

    def peer(self, server: Server, host: str, port: int) -> Address:
        """Return the network address at the other end of a session: but for a tunnel, its own."""
        return Address(host, port) if host == TUNNEL else server.address

    def has_room(self, server: Server) -> bool:
        """Return whether a server takes another connection."""
        return True

    def answer(self, session: Session, statement: str) -> Rows:
        """Return what a session's server answers."""
        raise NotImplementedError

    def is_wronged(self, session: Session, cluster: Cluster | None) -> bool:
        """Return whether a session is a healthy one to the writer, in the moment it is shut down.

        Args:
            session: the session.
            cluster: what the agent knows of its cluster.
        """
        raise NotImplementedError
