"""The calls of asyncpg's connections that go to the network, and how they and connections end.

All calls pass the class `Protocol`. It is also what the loop notifies when a socket is gone, idle
or not: a call on a connection that is known to be lost never reaches it.
"""

# ruff: noqa: SLF001 - what connections do is private, but for what it leads to

from __future__ import annotations

import functools
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from asyncpg import Connection
from asyncpg.prepared_stmt import PreparedStatement
from asyncpg.protocol import Protocol

from aurora_otel.drivers.asyncpg.session import ERRORS, is_inherited
from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.async_watching import is_gone, watch, watch_close
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.marks import ATTRIBUTE, track_of
from aurora_otel.drivers.protocol import Failure, Hooks

_CALLS = (
    "bind",
    "bind_execute",
    "bind_execute_many",
    "close_portal",
    "close_statement",
    "copy_in",
    "copy_out",
    "execute",
    "prepare",
    "query",
)
# On a protocol: its connection was lost.
_LOST = "_aurora_otel_lost"
# The connections that are being collected, by number.
_collected: set[int] = set()


def watch_all(patches: Patches, hooks: Hooks) -> None:
    """Watch the calls of connections, and their ends."""
    for name in _CALLS:
        watched = watch(
            hooks,
            getattr(Protocol, name),
            errors=ERRORS,
            failure_of=_failure,
            may_wait=_may_wait,
            is_ending=_is_ending,
            is_over=Protocol.is_closed,
        )
        patches.replace(Protocol, name, watched)
    patches.replace(Protocol, "connection_lost", _reporting(hooks, Protocol.connection_lost))
    close = watch_close(hooks, Connection.close, Connection.is_closed)
    patches.replace(Connection, "close", close)
    patches.replace(Connection, "_cleanup", _closing(hooks, Connection._cleanup))
    patches.replace(Connection, "__del__", _collecting(Connection.__del__))


def trace(patches: Patches, traced: Callable[..., Any]) -> None:
    """Have the calls of connections that take a statement make query spans."""
    for name in ("execute", "executemany", "fetch", "fetchmany", "fetchrow", "fetchval"):
        made = traced(getattr(Connection, name), connection_of=lambda connection: connection)
        patches.replace(Connection, name, made)
    for name in ("executemany", "fetch", "fetchmany", "fetchrow", "fetchval"):
        made = traced(
            getattr(PreparedStatement, name),
            connection_of=attrgetter("_connection"),
            statement_of=lambda prepared, _: prepared._query,
        )
        patches.replace(PreparedStatement, name, made)


def _may_wait(args: tuple[Any, ...]) -> bool:
    """Return whether nothing that the call relies on could be gone once it has waited.

    A statement that was prepared without a name is, when the connection has been asked something.
    """
    state = args[0] if args else None
    return getattr(state, "name", None) != ""


def _is_ending(protocol: Any) -> bool:
    return bool(protocol._is_cancelling())


def _failure(protocol: Any, error: Exception, _: tuple[Any, ...]) -> Failure:
    lost = not protocol.is_connected()
    settings = protocol.get_settings()
    return libpq.failure(
        getattr(error, "sqlstate", None),
        lost=lost,
        reported=lambda name: getattr(settings, name, None),
    )


def _reporting(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    """Report that an idle connection is lost. One in a call is reported by that, which fails."""

    @functools.wraps(original)
    def connection_lost(self: Any, exc: Any) -> None:
        track = getattr(self, ATTRIBUTE, None)
        if track is not None and not self.is_closed():
            setattr(self, _LOST, True)
            if not track.in_flight_since:
                hooks.hung_up(track)
        original(self, exc)
        if track is not None:
            hooks.guarded(is_gone, track, self)

    return connection_lost


def _closing(hooks: Hooks, original: Callable[..., Any]) -> Callable[..., Any]:
    """Report that a connection is closed, unless something else does."""

    @functools.wraps(original)
    def _cleanup(self: Any) -> None:
        is_reported = getattr(self._protocol, _LOST, False) or id(self) in _collected
        try:
            original(self)
        finally:
            if not is_reported and (track := hooks.guarded(track_of, self)) is not None:
                hooks.closed(track)

    return _cleanup


def _collecting(original: Callable[..., Any]) -> Callable[..., Any]:
    """Have a connection that was never closed count as collected: it closes itself then.

    Not in a forked child. What a loop watches is its parent's, too: to close the connection would
    have the parent's loop hear of it no more, and its calls hang.
    """

    @functools.wraps(original)
    def __del__(self: Any) -> None:  # noqa: N807 - it stands for one
        # Unshielded, as it fails in no way: a loop may drop a thousand of them in one turn.
        if is_inherited(self):
            return
        _collected.add(id(self))
        try:
            original(self)
        finally:
            _collected.discard(id(self))

    return __del__
