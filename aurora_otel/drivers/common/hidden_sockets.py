"""The socket of a connection whose driver shows none: found for certain, or not at all.

Every open socket of the process is examined after the connect. One that was there before it began,
or is known to be another connection's, is not the one; nor is one that leads elsewhere. Where
others that connect at the same moment are left beside it, the new connection makes round trips, and
rests in between: a socket that received nothing during the one, or something during the other, is
not the one either. Each step only rules out what cannot be the one, so that what is left alone is
certain.

Descriptors are read by their number, and never duplicated: a duplicate would be one socket
more to another thread that does the same, and an object of `socket` would close a descriptor that
is not the agent's.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

from aurora_otel.runtime import traffic
from aurora_otel.runtime.sockets import SocketId
from aurora_otel.runtime.traffic import received

_DESCRIPTORS = "/proc/self/fd"
# To stay in the running, a stranger would have to receive something during each round trip, and
# nothing during each rest; each is longer by so many seconds than the one before.
_ROUND_TRIPS = 16
_REST = 0.001
# What is remembered of sockets that are gone, before it is dropped.
_SPARE = 64
# Of a socket's address: the family; of an IP address also the port and the address itself.
_FAMILY = struct.Struct("=H")
_PORT = struct.Struct("!2xH")
_IP = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}


class Peer(NamedTuple):
    """Where a socket leads.

    Attributes:
        family: as in `socket`; 0 if it leads nowhere yet, or no longer.
        address: the peer's IP address, packed, or the path of its Unix socket.
        port: the peer's, if it has an IP address.
    """

    family: int
    address: bytes = b""
    port: int = 0


class HiddenSockets:
    """Finds the sockets of connections that show none."""

    def __init__(self) -> None:
        # By inode, when a socket was seen: it is none that was opened later. In seconds of the
        # monotonic clock.
        self._seen: dict[int, float] = {}

    def note_existing(self) -> None:
        """Note every socket that is there: none of them is one that is opened from now on."""
        self._strangers(time.monotonic())

    def find(
        self, began: float, leads_there: Callable[[Peer], bool], round_trip: Callable[[], bool]
    ) -> SocketId | None:
        """Return the socket of a connection that was opened since `began`, if it is certain.

        Args:
            began: when its connect began, in seconds of the monotonic clock.
            leads_there: whether the connection is one with such a peer.
            round_trip: makes the connection ask its server something; whether the answer came.

        Raises:
            OSError: the process's sockets cannot be read.
        """
        strange = self._strangers(began)
        # What has no peer may be the one: its server may have hung up already.
        candidates = [
            sock for sock in strange if not (peer := _peer(sock)).family or leads_there(peer)
        ]
        if len(candidates) > 1:
            candidates = self._put_to_the_test(candidates, began, round_trip)
        if len(candidates) != 1:
            return None
        # It is this connection's, and no other's, whenever that began.
        self._seen[candidates[0].inode] = 0.0
        return candidates[0]

    def _put_to_the_test(
        self, candidates: list[SocketId], began: float, round_trip: Callable[[], bool]
    ) -> list[SocketId]:
        for number in range(_ROUND_TRIPS):
            before = [received(sock) for sock in candidates]
            if not round_trip():
                return []
            after = [received(sock) for sock in candidates]
            candidates = [
                sock
                for sock, then, now in zip(candidates, before, after, strict=True)
                if then != now and not self._is_other(sock, began)
            ]
            if len(candidates) <= 1:
                return candidates
            # A server says nothing unasked, but to end a session: the next round trip shows that.
            before = [received(sock) for sock in candidates]
            time.sleep(_REST * (number + 1))
            candidates = [
                sock
                for sock, then in zip(candidates, before, strict=True)
                if received(sock) == then
            ]
        return []

    def _is_other(self, sock: SocketId, began: float) -> bool:
        return self._seen.get(sock.inode, began) < began

    def _strangers(self, began: float) -> list[SocketId]:
        """Return the sockets that may have been opened since `began`, and see every one."""
        strange: list[SocketId] = []
        there: set[int] = set()
        for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - a path object each costs more than all
            try:
                status = os.fstat(int(name))
            except OSError:
                # Closed meanwhile, as the listing's own descriptor is: not what is sought.
                continue
            if stat.S_ISSOCK(status.st_mode):
                there.add(status.st_ino)
                if self._seen.get(status.st_ino, began) >= began:
                    strange.append(SocketId(int(name), status.st_ino))
        # The time of afterwards: one may have been opened while the others were read.
        now = time.monotonic()
        for sock in strange:
            self._seen.setdefault(sock.inode, now)
        if len(self._seen) > 2 * len(there) + _SPARE:
            for inode in set(self._seen) - there:
                self._seen.pop(inode, None)
        return strange


def _peer(sock: SocketId) -> Peer:
    address = traffic.read(sock, traffic.libc.getpeername)
    if len(address) < _FAMILY.size:
        return Peer(0)
    (family,) = _FAMILY.unpack_from(address)
    if family in _IP:
        return Peer(family, address[_IP[family]], _PORT.unpack_from(address)[0])
    return Peer(family, address[_FAMILY.size :])
