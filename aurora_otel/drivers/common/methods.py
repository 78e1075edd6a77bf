"""Methods that are written, once for each that they stand for, with that one's own parameters.

What a wrapper that is called often costs is mostly `*args, **kwargs`: the tuple and the dictionary
are made and taken apart again for each call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
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


def _parameters(function: Any, taken: set[str]) -> _Parameters:
    """Return a function's own parameters; any at all if it has no say, or uses a `taken` name.

    They are read from where `inspect.signature` reads them, in a third of its time: an agent
    that starts writes hundreds of methods, and some classes are made again for each connection.
    """
    if not isinstance(function, FunctionType) and type(function).__name__ != _CYTHON:
        return _ANY
    code: CodeType = function.__code__
    count, flags = code.co_argcount, code.co_flags
    last = count + code.co_kwonlyargcount
    positional, by_name = code.co_varnames[:count], code.co_varnames[count:last]
    collecting = iter(code.co_varnames[last:])
    args = [f"*{next(collecting)}"] if flags & inspect.CO_VARARGS else []
    kwargs = [f"**{next(collecting)}"] if flags & inspect.CO_VARKEYWORDS else []

    values = dict(zip(reversed(positional), reversed(function.__defaults__ or ()), strict=False))
    values.update(function.__kwdefaults__ or {})
    defaults = {f"default_{name}": value for name, value in values.items()}
    used = {*code.co_varnames[: last + len(args + kwargs)]}
    if not positional or not taken.isdisjoint(used | defaults.keys()) or used & defaults.keys():
        return _ANY

    shown = {name: f"{name}=default_{name}" for name in values}
    declared = [shown.get(each, each) for each in positional]
    if code.co_posonlyargcount:
        declared.insert(code.co_posonlyargcount, "/")
    declared += args or (["*"] if by_name else [])
    declared += [shown.get(each, each) for each in by_name]
    others = [*positional[1:], *args]
    return _Parameters(
        declared=", ".join(declared + kwargs),
        passed=", ".join(
            [positional[0], *others, *(f"{each}={each}" for each in by_name), *kwargs]
        ),
        receiver=positional[0],
        arguments=f"({', '.join(others)},)" if others else "()",
        defaults=defaults,
    )


@functools.lru_cache(maxsize=256)
def _compiled(source: str, place: str) -> CodeType:
    """Return the code of a wrapper: some classes are made again for each connection."""
    return compile(source, place, "exec")
