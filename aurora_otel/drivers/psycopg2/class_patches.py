"""Methods that are set on classes of the application's, and taken back.

Nothing of the application runs for it: no `__init_subclass__`, as a subclass would bring about, and
no `__setattr__` of its metaclass. A later patch of the class lies on top; what it inherits is
looked up at each call. It is held weakly: some are made for one connection.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from types import FunctionType
from typing import Any

_MISSING = object()
# Py_TPFLAGS_IMMUTABLETYPE: types that are written in C.
_IMMUTABLE = 1 << 8

# What was there before, and what was set; on the class itself, which either may refer to.
_RECORD = "_aurora_otel_methods"


class _Record(dict[str, "tuple[Any, Any] | None"]):
    """By name, what was there before and what was set; `None` where there is nothing to set."""


class ClassPatches:
    """The methods that were set, by class.

    No lock: of several threads, the one that claims a class or a name sets it.
    """

    def __init__(self) -> None:
        self._done: dict[int, tuple[weakref.ref[type], weakref.ref[_Record]]] = {}

    def has(self, cls: type, name: str) -> bool:
        """Return whether `name` was set on `cls`, or is about to be, or cannot."""
        return name in vars(cls).get(_RECORD, ())

    def set(self, cls: type, name: str, make: Callable[[Callable[..., Any]], Any]) -> None:
        """Set a method once, unless there is none of that name.

        Args:
            cls: a class that `is_writable`.
            name: of the method.
            make: returns the new method, given what to call as the one before.
        """
        before = vars(cls).get(name, _MISSING)
        original = _inherited(cls, name) if before is _MISSING else _own(before)
        self._put(cls, name, before, make(original) if original is not None else None)

    def define(self, cls: type, name: str, value: Any) -> None:
        """Set an attribute that is no method, once."""
        self._put(cls, name, vars(cls).get(name, _MISSING), value, always=True)

    def undo(self) -> None:
        """Put back what was there before, where ours is on top; else it passes through."""
        while self._done:
            _, (cls, record) = self._done.popitem()
            _take_off(cls(), record())

    def _put(self, cls: type, name: str, before: Any, new: Any, *, always: bool = False) -> None:
        entry = None if new is None and not always else (before, new)
        if self._record(cls).setdefault(name, entry) is entry and entry is not None:
            type.__setattr__(cls, name, new)

    def _record(self, cls: type) -> _Record:
        mine = _Record()
        entry = weakref.ref(cls, functools.partial(self._forget, id(cls))), weakref.ref(mine)
        record = self._done.setdefault(id(cls), entry)[1]()
        if record is mine:
            type.__setattr__(cls, _RECORD, mine)
        return mine if record is None else record

    def _forget(self, key: int, _: Any) -> None:
        self._done.pop(key, None)


def _take_off(cls: type | None, record: _Record | None) -> None:
    if cls is None or record is None:
        return
    for name, entry in record.items():
        if entry is None or vars(cls).get(name, _MISSING) is not entry[1]:
            continue
        if entry[0] is _MISSING:
            type.__delattr__(cls, name)
        else:
            type.__setattr__(cls, name, entry[0])
    if vars(cls).get(_RECORD) is record:
        type.__delattr__(cls, _RECORD)


def is_writable(cls: type) -> bool:
    """Return whether methods can be set on a class: not on one that is written in C."""
    return not cls.__flags__ & _IMMUTABLE


def _inherited(cls: type, name: str) -> Callable[..., Any] | None:
    """Return what calls the method that `cls` inherits, whichever that is at the time."""
    found = getattr(super(cls, cls), name, None)
    if not callable(found):
        return None

    @functools.wraps(found)
    def inherited(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return getattr(super(cls, self), name)(*args, **kwargs)

    return inherited


def _own(method: Any) -> Callable[..., Any] | None:
    """Return what calls a class's own method; `None` if it is none."""
    if isinstance(method, FunctionType):
        return method
    if not callable(method) or not hasattr(type(method), "__get__"):
        return None

    @functools.wraps(method)
    def own(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return method.__get__(self, type(self))(*args, **kwargs)

    return own
