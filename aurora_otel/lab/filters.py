"""What may read the bytes of a link: gateway filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aurora_otel.lab import mysql_wire as wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Action:
    """What becomes of the bytes that a filter was shown.

    Attributes:
        forward: bytes that go on to the other side.
        reply: bytes that go back to where the shown ones came from.
        hang: from here on nothing passes on this link, in either direction.
    """

    forward: bytes = b""
    reply: bytes = b""
    hang: bool = False


class Filter(Protocol):
    """Sees everything that passes on one link, in pieces as they come."""

    def from_client(self, data: bytes) -> Action:
        """Decide on bytes that the client sent."""

    def from_server(self, data: bytes) -> Action:
        """Decide on bytes that the server sent."""


def chain(judges: Sequence[Callable[[bytes], Action]], data: bytes) -> Action:
    """Return what becomes of bytes that each judge is shown as the one before it lets them."""
    reply, hang = b"", False
    for judge in judges:
        action = judge(data)
        data, reply, hang = action.forward, reply + action.reply, hang or action.hang
    return Action(data, reply, hang)


class SilenceAfterLogin:
    """Lets a PostgreSQL login pass and swallows all that the client sends from then on."""

    _NEGOTIATIONS = (80877103, 80877104)  # SSLRequest, GSSENCRequest: answered by one bare byte
    _READY_FOR_QUERY = ord("Z")
    _HEADER = 5

    def __init__(self) -> None:
        self._bare = 0
        self._started = False
        self._silent = False
        self._unread = bytearray()

    def from_client(self, data: bytes) -> Action:
        """Pass what belongs to the login."""
        if self._silent:
            return Action()
        if not self._started:
            if len(data) == 8 and int.from_bytes(data[4:], "big") in self._NEGOTIATIONS:  # noqa: PLR2004 -- the length of such a request
                self._bare += 1
            else:
                self._started = True
        return Action(forward=data)

    def from_server(self, data: bytes) -> Action:
        """Pass everything, and notice the end of the login."""
        if not self._silent:
            self._unread += data
            self._read()
        return Action(forward=data)

    def _read(self) -> None:
        while self._bare and self._unread:
            del self._unread[0]
            self._bare -= 1
        while len(self._unread) >= self._HEADER:
            if self._unread[0] == self._READY_FOR_QUERY:
                self._silent = True
                self._unread.clear()
                return
            size = 1 + int.from_bytes(self._unread[1:5], "big")
            if len(self._unread) < size:
                return
            del self._unread[:size]


class SilenceAfterMySQLLogin:
    """Lets a MySQL login pass and swallows all that the client sends from then on.

    Drivers go on with `SET` statements before they hand a connection over: those belong to it.
    """

    def __init__(self) -> None:
        self._commands = wire.Commands()
        self._silent = False

    def from_client(self, data: bytes) -> Action:
        """Pass what belongs to the login."""
        passed = bytearray()
        for piece in self._commands.feed(data):
            set_up = (piece.statement or b"").lstrip()[:4].upper() == b"SET "
            self._silent = self._silent or not (piece.command is None or set_up)
            if not self._silent:
                passed += piece.data
        return Action(forward=bytes(passed))

    def from_server(self, data: bytes) -> Action:
        """Pass everything."""
        return Action(forward=data)
