"""psycopg2's connections and cursors, watched.

Its own types are written in C and take no patch: connections and cursors of these become instances
of subclasses (psycopg2's extras check its C types, so a proxy would not do). Classes in Python, the
application's and those of psycopg2's extras, stay as they are: watched methods are set on them.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping
from operator import attrgetter
from types import BuiltinMethodType
from typing import Any

import psycopg2
from psycopg2 import extensions

from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.watching import never, watch, watch_close
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure, Hooks
from aurora_otel.drivers.psycopg2.class_patches import ClassPatches, is_writable
from aurora_otel.tracking.track import Track

_Make = Callable[[Callable[..., Any]], Callable[..., Any]]

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
    "__next__",
    "close",
    "fetchall",
    "fetchmany",
    "fetchone",
    "scroll",
)

_NAMED = f"{ATTRIBUTE}_named"
_STANDS_FOR = "_aurora_otel_stands_for"

# Written in C: what is called often gets its parameters from here.
_OFTEN: dict[str, Callable[..., Any]] = {
    "execute": lambda self, query, vars=None: (self, query, vars),  # noqa: A006 - psycopg2's names
    "commit": lambda self: self,
}


class WatchedClasses:
    """Has connections and cursors of any class watched.

    Args:
        hooks: where to report.
        traced: makes a cursor's method make a query span, if that is wanted.
    """

    def __init__(
        self, hooks: Hooks, traced: Callable[[Callable[..., Any]], Callable[..., Any]] | None
    ) -> None:
        self._hooks = hooks
        self._traced = traced
        self._patches = ClassPatches()
        # By the C type, and for cursors whether it is for one on the server.
        self._subclasses: dict[tuple[type, bool], type] = {}
        # Made here, so that what is wrong with them is noticed before anything is patched.
        self._connection_type(extensions.connection)
        for named in (False, True):
            self._cursor_type(extensions.cursor, named=named)

    def factory(self, factory: Any) -> Any:
        """Return what to connect with instead of the application's `connection_factory`."""
        if factory is None:
            return self._connection_type(extensions.connection)
        return self._connection_type(factory) if _is_c(factory, extensions.connection) else factory

    def watch(self, connection: Any) -> None:
        """Have a connection watched that the application's own class or factory has made."""
        cls = type(connection)
        # One of the bare C type takes no attribute: it is tracked, but its calls are not watched.
        if isinstance(cls, _StandIn) or not is_writable(cls) or self._patches.has(cls, "cursor"):
            return
        # One that is not tracked asks no `__getattr__` of the application for it.
        has_attributes = cls.__dictoffset__ != 0
        self._patches.define(
            cls, ATTRIBUTE, None if has_attributes else property(track_by_reference)
        )
        for name, watched in self._connection_calls(cls).items():
            self._patches.set(cls, name, watched)

    def undo(self) -> None:
        """Take everything off the classes of others."""
        self._patches.undo()

    # Connections.

    def _connection_type(self, c_type: type[Any]) -> type:
        key = (c_type, False)
        if key not in self._subclasses:
            calls = self._connection_calls(None)
            self._subclasses[key] = _stand_in(c_type, _members(c_type, calls))
        return self._subclasses[key]

    def _connection_calls(self, owner: type | None) -> dict[str, _Make]:
        """Return, by name, what makes a watched method of a connection class of one."""
        calls: dict[str, _Make] = {
            name: self._watched(name, owner, failure_of=_failure) for name in _CONNECTION_CALLS
        }
        calls["rollback"] = self._watched(
            "rollback", owner, failure_of=_rollback_failure, may_wait=never
        )
        calls["close"] = lambda close: watch_close(self._hooks, close, attrgetter("closed"))
        calls["cursor"] = lambda cursor: self._cursor_method(cursor, owner)
        return calls

    def _cursor_method(self, original: Callable[..., Any], owner: type | None) -> Any:
        inherits = owner is None or "cursor" not in vars(owner)

        @functools.wraps(original)
        def cursor(connection: Any, *args: Any, **kwargs: Any) -> Any:
            if owner is not None and type(connection) is not owner:
                return original(connection, *args, **kwargs)
            if inherits and _makes_plain_cursors(owner, connection):
                args, kwargs = self._with_factory(connection, args, kwargs)
            made = original(connection, *args, **kwargs)
            if not isinstance(type(made), _StandIn):
                self._watch_cursor(made)
            return made

        return cursor

    # Cursors.

    def _with_factory(
        self, connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of `cursor`, with a watched class in place of a C type."""
        requested = args[1] if len(args) > 1 else kwargs.get("cursor_factory")
        if requested is None:
            requested = connection.cursor_factory
        if requested is None:
            requested = extensions.cursor
        if not _is_c(requested, extensions.cursor):
            return args, kwargs
        named = (args[0] if args else kwargs.get("name")) is not None
        watched = self._cursor_type(requested, named=named)
        if len(args) > 1:
            return (args[0], watched, *args[2:]), kwargs
        return args, {**kwargs, "cursor_factory": watched}

    def _cursor_type(self, c_type: type, *, named: bool) -> type:
        key = (c_type, named)
        if key not in self._subclasses:
            members = _members(c_type, self._cursor_calls(None))
            if named:
                members |= _members(c_type, self._named_cursor_calls(None))
            self._subclasses[key] = _stand_in(c_type, members | {"__slots__": ()})
        return self._subclasses[key]

    def _watch_cursor(self, cursor: Any) -> None:
        cls, patches = type(cursor), self._patches
        if not is_writable(cls):
            return
        if not patches.has(cls, "execute"):
            self._hooks.guarded(self._set_all, cls, self._cursor_calls(cls))
        if cursor.name is not None and not patches.has(cls, "fetchone"):
            # From here on its other cursors pay for being asked whether they have a name.
            self._hooks.guarded(patches.define, cls, _NAMED, property(_track_of_named))
            self._hooks.guarded(self._set_all, cls, self._named_cursor_calls(cls))

    def _set_all(self, cls: type, calls: Mapping[str, _Make]) -> None:
        for name, make in calls.items():
            self._patches.set(cls, name, make)

    def _cursor_calls(self, owner: type | None) -> dict[str, _Make]:
        path = f"connection.{ATTRIBUTE}"
        calls = {
            name: self._watched(name, owner, failure_of=_cursor_failure, path=path)
            for name in _CURSOR_CALLS
        }
        if (traced := self._traced) is not None:
            for name in _TRACED_CALLS:
                calls[name] = _both(calls[name], traced)
        return calls

    def _named_cursor_calls(self, owner: type | None) -> dict[str, _Make]:
        path = f"connection.{ATTRIBUTE}" if owner is None else _NAMED
        return {
            name: self._watched(name, owner, failure_of=_cursor_failure, path=path)
            for name in _NAMED_CURSOR_CALLS
        }

    def _watched(self, name: str, owner: type | None, **how: Any) -> _Make:
        return lambda original: watch(
            self._hooks,
            original,
            errors=psycopg2.Error,
            like=_OFTEN.get(name),
            owner=owner,
            **how,
        )


class _StandIn(type):
    """The class of a watched subclass, which passes for its C type also in `type(x) == …`."""

    def __eq__(cls, other: object) -> bool:
        return _stood_for(cls) is _stood_for(other)

    def __hash__(cls) -> int:
        stood_for = _stood_for(cls)
        return type.__hash__(cls) if stood_for is cls else hash(stood_for)


def _stood_for(cls: Any) -> Any:
    # An application's own subclass of one stands for itself.
    return vars(cls).get(_STANDS_FOR, cls) if isinstance(cls, _StandIn) else cls


def _stand_in(c_type: type, members: Mapping[str, Any]) -> type:
    names = {
        "__module__": c_type.__module__,
        "__qualname__": c_type.__qualname__,
        "__doc__": c_type.__doc__,
        _STANDS_FOR: c_type,
    }
    return _StandIn(c_type.__name__, (c_type,), {**names, **members})


def _members(c_type: type, calls: Mapping[str, _Make]) -> dict[str, Any]:
    return {
        name: make(getattr(c_type, name)) for name, make in calls.items() if hasattr(c_type, name)
    }


def _both(make: _Make, traced: _Make) -> _Make:
    return lambda original: traced(make(original))


def _makes_plain_cursors(owner: Any, connection: Any) -> bool:
    """Return whether what a class inherits leaves it to psycopg2 to make cursors."""
    return owner is None or isinstance(super(owner, connection).cursor, BuiltinMethodType)


def track_by_reference(connection: Any) -> Track | None:
    """Return the track of a connection without asking its class, which may be the application's."""
    found = (each for each in weakref.getweakrefs(connection) if isinstance(each, Track))
    return next(found, None)


def _track_of_named(cursor: Any) -> Track | None:
    return getattr(cursor.connection, ATTRIBUTE, None) if cursor.name is not None else None


def _is_c(factory: Any, base: type) -> bool:
    """Return whether a factory is one of psycopg2's C types."""
    return isinstance(factory, type) and issubclass(factory, base) and not is_writable(factory)


def _failure(connection: Any, error: Any, _: tuple[Any, ...]) -> Failure:
    reported = connection.info.parameter_status
    return libpq.failure(error.pgcode, lost=bool(connection.closed), reported=reported)


def _rollback_failure(connection: Any, error: Any, _: tuple[Any, ...]) -> Failure:
    return libpq.failure(error.pgcode, lost=bool(connection.closed), may_wait=False)


def _cursor_failure(cursor: Any, error: Any, args: tuple[Any, ...]) -> Failure:
    return _failure(cursor.connection, error, args)
