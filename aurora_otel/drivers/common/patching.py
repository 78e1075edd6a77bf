"""Patches that can be taken back."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import wrapt

_MISSING = object()


def wrap_innermost(owner: Any, name: str, wrapper: Callable[..., Any]) -> Callable[[], None]:
    """Wrap `owner.name` below all that others have wrapped around it with wrapt.

    Returns:
        what takes the wrapper out again, wherever it is by then: when others take their wrappers
        off, it may have come to the top.
    """
    outer, inner = None, getattr(owner, name)
    while isinstance(inner, wrapt.FunctionWrapper):
        outer, inner = inner, inner.__wrapped__
    ours = wrapt.FunctionWrapper(inner, wrapper)

    def undo() -> None:
        above, found = None, getattr(owner, name)
        while found is not ours and isinstance(found, wrapt.FunctionWrapper):
            above, found = found, found.__wrapped__
        if found is ours:
            _put(owner, name, above, inner)

    _put(owner, name, outer, ours)
    return undo


def plain(owner: Any, name: str) -> Any:
    """Return `owner.name` below everything that is wrapped around it with wrapt."""
    found = getattr(owner, name)
    while isinstance(found, wrapt.FunctionWrapper):
        found = found.__wrapped__
    return found


def _put(owner: Any, name: str, above: Any, function: Any) -> None:
    """Put `function` below the wrapper `above`, or at the top."""
    if above is None:
        setattr(owner, name, function)
    else:
        above.__wrapped__ = function


def _show_parameters(function: FunctionType, original: Any) -> None:
    """Have `function` show the parameters of `original` without following `__wrapped__`."""
    if hasattr(original, "__wrapped__"):
        return  # it shows those of a decorator there, and its own to those who follow it
    if isinstance(original, FunctionType) and _parameters(function) == _parameters(original):
        return  # it was written with them
    with contextlib.suppress(TypeError, ValueError):  # what is written in C may have none to show
        function.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]


def _parameters(function: FunctionType) -> tuple[Any, ...]:
    """Return what decides which parameters a function has, but for annotations."""
    code = function.__code__
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    collecting = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    names = code.co_varnames[: counts[0] + counts[2] + collecting.bit_count()]
    return counts, collecting, names, function.__defaults__, function.__kwdefaults__


class Patches:
    """Attributes of modules and classes that the agent has replaced, and what was there before."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, str, Any, Any]] = []

    def wrap(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        """Wrap `owner.name` with wrapt; for what is called rarely, such as connect."""
        before = vars(owner).get(name, _MISSING)
        wrapt.wrap_function_wrapper(owner, name, wrapper)
        self._done.append((owner, name, before, vars(owner)[name]))

    def replace(self, owner: Any, name: str, new: Any) -> None:
        """Replace `owner.name`; for what is called often: a wrapt proxy costs three times more."""
        before = vars(owner).get(name, _MISSING)
        if isinstance(new, FunctionType):
            _show_parameters(new, getattr(owner, name, None))
        setattr(owner, name, new)
        self._done.append((owner, name, before, new))

    def undo(self) -> None:
        """Put back the very objects that were there before.

        Where another library has wrapped the agent's wrapper meanwhile, that stays below and passes
        through: putting back the original would take the other wrapper off.
        """
        while self._done:
            owner, name, before, ours = self._done.pop()
            if vars(owner).get(name) is not ours:
                continue
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
