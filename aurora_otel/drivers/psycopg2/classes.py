"""psycopg2's connections and cursors as watched subclasses.

psycopg2's own extras check its C types, so a proxy would not do.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import psycopg2
from psycopg2 import extensions

from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.watching import never, watch, watch_close
from aurora_otel.drivers.protocol import ATTRIBUTE, Failure, Hooks

_CONNECTION_CALLS = (
    "commit",
    "lobject",
    "poll",
    "reset",
    "set_client_encoding",
    "set_isolation_level",
    "set_session",
    "tpc_begin",
    "tpc_commit",
    "tpc_prepare",
    "tpc_recover",
    "tpc_rollback",
)
_CURSOR_CALLS = ("callproc", "copy_expert", "copy_from", "copy_to", "execute", "executemany")
_TRACED_CALLS = ("callproc", "copy_expert", "execute", "executemany")
# Only a server-side cursor's go to the network.
_NAMED_CURSOR_CALLS = (
    *_CURSOR_CALLS,
    "__next__",
    "close",
    "fetchall",
    "fetchmany",
    "fetchone",
    "scroll",
)

# Written in C: what is called often gets its parameters from here.
_OFTEN: dict[str, Callable[..., Any]] = {
    "execute": lambda self, query, vars=None: (self, query, vars),  # noqa: A006 - psycopg2's names
    "commit": lambda self: self,
}


class WatchedClasses:
    """The watched subclasses, one for each class of the application's.

    Args:
        hooks: where to report.
        traced: makes a cursor's method make a query span, if that is wanted.
    """

    def __init__(
        self, hooks: Hooks, traced: Callable[[Callable[..., Any]], Callable[..., Any]] | None
    ) -> None:
        self._hooks = hooks
        self._traced = traced
        self._connections: dict[type, type] = {}
        self._cursors: dict[tuple[type, bool], type] = {}
        self._made: set[type] = set()

    def factory(self, factory: Any) -> Any:
        """Return what to connect with instead of the application's `connection_factory`."""
        if factory is None:
            return self._connection(extensions.connection)
        # A function can only be called; what it returns is adopted.
        return self._connection(factory) if _is(factory, extensions.connection) else factory

    def adopt(self, connection: Any) -> Any:
        """Make a connection that a factory function returned one of the watched class."""
        if type(connection) not in self._made:
            # The bare C type cannot be changed: such a connection is tracked, but not watched.
            with contextlib.suppress(TypeError):
                connection.__class__ = self._connection(type(connection))
        return connection

    def _connection(self, base: type[Any]) -> type:
        if base in self._made:
            return base
        if base not in self._connections:
            members = {
                **self._watched(base, _CONNECTION_CALLS, failure_of=_failure),
                **self._watched(
                    base,
                    ("rollback",),
                    failure_of=_rollback_failure,
                    may_wait=never,
                ),
                "close": watch_close(self._hooks, base.close, attrgetter("closed")),
                "cursor": self._cursor_method(base),
            }
            self._connections[base] = self._subclass(base, members)
        return self._connections[base]

    def _cursor_method(self, base: Any) -> Callable[..., Any]:
        plain = base.cursor is extensions.connection.cursor

        def cursor(connection: Any, *args: Any, **kwargs: Any) -> Any:
            named = bool(kwargs.get("name", args[0] if args else None))
            # Where no class is asked for, it can be told beforehand; any other is adopted
            # afterwards, because an application's own `cursor()` may choose it.
            if plain and len(args) < 2 and kwargs.get("cursor_factory") is None:  # noqa: PLR2004
                factory = connection.cursor_factory or extensions.cursor
                if _is(factory, extensions.cursor):
                    kwargs["cursor_factory"] = self._cursor(factory, named=named)
            made = base.cursor(connection, *args, **kwargs)
            if type(made) is not extensions.cursor and type(made) not in self._made:
                with contextlib.suppress(TypeError):
                    made.__class__ = self._cursor(type(made), named=made.name is not None)
            return made

        cursor.__doc__ = base.cursor.__doc__
        return cursor

    def _cursor(self, base: type, *, named: bool) -> type:
        key = (base, named)
        if key not in self._cursors:
            calls = _NAMED_CURSOR_CALLS if named else _CURSOR_CALLS
            how = {"failure_of": _cursor_failure, "path": f"connection.{ATTRIBUTE}"}
            members = self._watched(base, calls, **how)
            if self._traced is not None:
                members |= {name: self._traced(members[name]) for name in _TRACED_CALLS}
            self._cursors[key] = self._subclass(base, members | {"__slots__": ()})
        return self._cursors[key]

    def _subclass(self, base: type, members: dict[str, Any]) -> type:
        names = {
            "__module__": base.__module__,
            "__qualname__": base.__qualname__,
            "__doc__": base.__doc__,
        }
        made = type(base.__name__, (base,), names | members)
        self._made.add(made)
        return made

    def _watched(self, base: type, names: Iterable[str], **how: Any) -> dict[str, Any]:
        return {
            name: watch(
                self._hooks,
                getattr(base, name),
                errors=psycopg2.Error,
                like=_OFTEN.get(name),
                **how,
            )
            for name in names
            if hasattr(base, name)
        }


def _failure(connection: Any, error: Any, _: tuple[Any, ...]) -> Failure:
    return libpq.failure(error.pgcode, lost=bool(connection.closed))


def _rollback_failure(connection: Any, error: Any, _: tuple[Any, ...]) -> Failure:
    return libpq.failure(error.pgcode, lost=bool(connection.closed), may_wait=False)


def _cursor_failure(cursor: Any, error: Any, args: tuple[Any, ...]) -> Failure:
    return _failure(cursor.connection, error, args)


def _is(factory: Any, base: type) -> bool:
    return isinstance(factory, type) and issubclass(factory, base)
