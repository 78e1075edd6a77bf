"""The calls of any PEP 249 driver that are watched, by proxies of its connections and cursors.

A proxy passes for what it stands for with `isinstance` and in every attribute; only `type()` and
checks written in C see that it is none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import wrapt

from aurora_otel.drivers.common.watching import never, watch, watch_close
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure, Hooks
from aurora_otel.runtime import sockets

# What of PEP 249 goes to the network, and what drivers often add to it.
_CONNECTION_CALLS = (
    "__exit__",
    "commit",
    "execute",
    "executemany",
    "ping",
    "tpc_begin",
    "tpc_commit",
    "tpc_prepare",
    "tpc_recover",
    "tpc_rollback",
)
_CURSOR_CALLS = (
    "__exit__",
    "__next__",
    "callproc",
    "execute",
    "executemany",
    "fetchall",
    "fetchmany",
    "fetchone",
    "nextset",
    "scroll",
)
_TRACED_CALLS = ("callproc", "execute", "executemany")
_SHOWN = {name: f"_self_shown.{name}" for name in ("database", "host", "port")}


if TYPE_CHECKING:
    _Proxy = wrapt.ObjectProxy[Any]
else:
    _Proxy = wrapt.ObjectProxy


class Shown(NamedTuple):
    """What a connection's arguments say; `host` is empty if they do not say it."""

    host: str
    port: int
    database: Any


class ConnectionProxy(_Proxy):
    """A connection.

    Args:
        connection: the driver's own.
        shown: what its arguments say, which query spans say.
        cursor_proxy: makes the proxy of a cursor of it.
    """

    def __init__(
        self,
        connection: Any,
        shown: Shown,
        cursor_proxy: Callable[[Any, ConnectionProxy], Any],
    ) -> None:
        super().__init__(connection)
        self._self_shown = shown
        self._self_cursor_proxy = cursor_proxy
        # Until the application has it: then it may be inside anything.
        self._self_is_fresh = True

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __enter__(self) -> Any:
        return self._self_proxied(self.__wrapped__.__enter__())

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a watched cursor."""
        return self._self_proxied(self.__wrapped__.cursor(*args, **kwargs))

    def _self_proxied(self, result: Any) -> Any:
        """Return a proxy in the place of the connection itself, and of a cursor of it."""
        if result is self.__wrapped__:
            return self
        return self._self_cursor_proxy(result, self) if hasattr(result, "fetchone") else result


class CursorProxy(_Proxy):
    """A cursor.

    Args:
        cursor: the driver's own.
        connection: the proxy of its connection, kept for as long as the driver keeps its own.
    """

    def __init__(self, cursor: Any, connection: ConnectionProxy) -> None:
        super().__init__(cursor)
        self._self_connection = connection

    @property
    def connection(self) -> Any:
        """The connection, for drivers that offer this extension."""
        return self._self_connection if self.__wrapped__.connection is not None else None

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __enter__(self) -> Any:
        return self._self_proxied(self.__wrapped__.__enter__())

    def __iter__(self) -> Any:
        rows = iter(self.__wrapped__)
        # Each step is watched, whatever the driver iterates with.
        return self if rows is self.__wrapped__ else iter(self.fetchone, None)

    def _self_proxied(self, result: Any) -> Any:
        return self if result is self.__wrapped__ else result


class Proxies:
    """Makes the proxies, with a class for each of the driver's.

    Args:
        hooks: where to report.
        errors: what the driver raises.
        failure_of: what an error on a connection means.
        traced: makes a cursor's method make a query span, if that is wanted.
    """

    def __init__(
        self,
        hooks: Hooks,
        errors: tuple[type[Exception], ...],
        failure_of: Callable[[Any, Any, tuple[Any, ...]], Failure],
        traced: functools.partial[Any] | None,
    ) -> None:
        self._hooks = hooks
        self._errors = errors
        self._failure_of = failure_of
        self._traced = traced
        self._classes: dict[type, type] = {}

    def connection(self, connection: Any, shown: Shown) -> Any:
        """Return the proxy of a new connection."""
        made = self._class(type(connection), ConnectionProxy, self._connection_members)
        return made(connection, shown, self._cursor)

    def _cursor(self, cursor: Any, connection: ConnectionProxy) -> Any:
        return self._class(type(cursor), CursorProxy, self._cursor_members)(cursor, connection)

    def _class(
        self, original: type, base: type, members: Callable[[type], dict[str, Any]]
    ) -> Callable[..., Any]:
        if original not in self._classes:
            names = {
                "__module__": original.__module__,
                "__qualname__": original.__qualname__,
                "__doc__": original.__doc__,
            }
            made = type(original.__name__, (base,), names | members(original))
            self._classes[original] = made
        return self._classes[original]

    def _connection_members(self, original: type) -> dict[str, Any]:
        members = self._watched(
            original, _CONNECTION_CALLS, path="_self_track", failure_of=self._failure_of
        )
        members |= self._watched(
            original,
            ("rollback",),
            path="_self_track",
            failure_of=self._rollback_failure,
            may_wait=never,
        )
        for name in ("__exit__", "close"):
            if hasattr(original, name):
                inner = members.get(name) or _forwarding(original, name)
                members[name] = watch_close(self._hooks, inner, has_left)
        return {**members, ATTRIBUTE: property(attrgetter("_self_track"))}

    def _cursor_members(self, original: type) -> dict[str, Any]:
        path = "_self_connection._self_track"
        members = self._watched(original, _CURSOR_CALLS, path=path, failure_of=self._cursor_failure)
        if self._traced is not None:
            of = attrgetter("_self_connection")
            for name in members.keys() & set(_TRACED_CALLS):
                members[name] = self._traced(members[name], attributes=_SHOWN, connection_of=of)
        return members

    def _watched(self, original: type, names: Iterable[str], **how: Any) -> dict[str, Any]:
        # What a driver does not offer must not seem to be offered.
        return {
            name: watch(self._hooks, _forwarding(original, name), errors=self._errors, **how)
            for name in names
            if hasattr(original, name)
        }

    def _rollback_failure(self, connection: Any, error: Any, args: tuple[Any, ...]) -> Failure:
        return self._failure_of(connection, error, args)._replace(may_wait=False)

    def _cursor_failure(self, cursor: Any, error: Any, args: tuple[Any, ...]) -> Failure:
        return self._failure_of(cursor._self_connection, error, args)  # noqa: SLF001 - our own


def _forwarding(original: type, name: str) -> Callable[..., Any]:
    """Return a proxy's method that calls the method of what it stands for."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = getattr(self.__wrapped__, name)(*args, **kwargs)
        return self._self_proxied(result)

    return functools.update_wrapper(call, getattr(original, name))


def has_left(connection: ConnectionProxy) -> bool:
    """Return whether a connection has closed the socket under which it is tracked."""
    return sockets.is_gone(connection._self_track.socket)  # noqa: SLF001 - our own
