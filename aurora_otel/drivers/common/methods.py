"""Methods that are written, once for each that they stand for, with that one's own parameters.

What a wrapper that is called often costs is mostly `*args, **kwargs`: the tuple and the dictionary
are made and taken apart again for each call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from types import CodeType, FunctionType
from typing import Any, NamedTuple


class _Parameters(NamedTuple):
    """Parameters as source code.

    Attributes:
        declared: in the head of a function.
        passed: in a call that passes them all on.
        receiver: the first one.
        arguments: a tuple of the others, keyword-only ones apart.
        defaults: the values of the names that stand for defaults in `declared`.
    """

    declared: str
    passed: str
    receiver: str
    arguments: str
    defaults: dict[str, Any]


_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_IN_ORDER = (*_POSITIONAL, Parameter.VAR_POSITIONAL)
_ANY = _Parameters("self, /, *args, **kwargs", "self, *args, **kwargs", "self", "args", {})
# Cython's functions show their parameters as Python's do.
_CYTHON = "cython_function_or_method"


def write(
    template: str,
    original: Callable[..., Any],
    names: dict[str, Any],
    *,
    like: Callable[..., Any] | None = None,
    owner: type | None = None,
    **fields: str,
) -> Callable[..., Any]:
    """Return the function `call` of `template`, which stands for `original`.

    Args:
        template: source code, to be formatted with `fields` and with `declared`, `passed`,
            `receiver` and `arguments`: the parameters. It may call `original`.
        original: the method.
        names: what else the source code refers to.
        like: a function with the same parameters, if `original` is written in C and called often.
        owner: the class whose own instances the method treats; `{unless}` is true of others.
        fields: of the template.
    """
    names = {**names, "original": original, "owner": owner}
    model = original if like is None or isinstance(original, FunctionType) else like
    parameters = _parameters(model, {*names, "track", "error", "call", "began", "clears"})
    unless = "" if owner is None else f" or type({parameters.receiver}) is not owner"
    source = template.format(unless=unless, **parameters._asdict(), **fields)
    place = f"<watch {getattr(original, '__qualname__', original)}>"
    scope = {**names, **parameters.defaults}
    exec(_compiled(source, place), scope)  # noqa: S102 - the template above, and parameters
    written: Callable[..., Any] = functools.wraps(original)(scope["call"])
    return written


def _parameters(function: Callable[..., Any], taken: set[str]) -> _Parameters:
    """Return a function's own parameters; any at all if it has no say, or uses a `taken` name."""
    if not isinstance(function, FunctionType) and type(function).__name__ != _CYTHON:
        return _ANY
    found = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    if not found or found[0].kind not in _POSITIONAL or not taken.isdisjoint(p.name for p in found):
        return _ANY
    defaults = {f"default_{p.name}": p.default for p in found if p.default is not Parameter.empty}
    if not taken.isdisjoint(defaults) or not defaults.keys().isdisjoint(p.name for p in found):
        return _ANY
    bare = [p.replace(annotation=Parameter.empty, default=_default(p)) for p in found]
    others = ", ".join(_passed(p) for p in found[1:] if p.kind in _IN_ORDER)
    return _Parameters(
        declared=str(inspect.Signature(bare))[1:-1],
        passed=", ".join(map(_passed, found)),
        receiver=found[0].name,
        arguments=f"({others},)" if others else "()",
        defaults=defaults,
    )


@functools.lru_cache(maxsize=256)
def _compiled(source: str, place: str) -> CodeType:
    """Return the code of a wrapper: some classes are made again for each connection."""
    return compile(source, place, "exec")


class _Name(str):
    """A name in source code: its `repr` has no quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _default(parameter: Parameter) -> Any:
    missing = parameter.default is Parameter.empty
    return Parameter.empty if missing else _Name(f"default_{parameter.name}")


def _passed(parameter: Parameter) -> str:
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return f"*{parameter.name}"
    if parameter.kind is Parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    if parameter.kind is Parameter.KEYWORD_ONLY:
        return f"{parameter.name}={parameter.name}"
    return parameter.name
