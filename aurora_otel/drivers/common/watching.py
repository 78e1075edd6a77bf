"""The wrapper of every watched call, which is the hot path; and that of `close`.

A call on a healthy connection pays a mark that it is in flight and one attribute check. What a
wrapper costs beyond that is mostly `*args, **kwargs`: the tuple and the dictionary are made and
taken apart again for each call. So the wrapper is written, once per watched method, with the
method's own parameters.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from time import monotonic
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from aurora_otel.drivers.protocol import ATTRIBUTE, Failure, Hooks, unmark

_TEMPLATE = """\
def call({declared}):
    try:
        track = {receiver}.{path}
    except AttributeError:
        track = None
    if track is None{unless}:
        return original({passed})
    if track.cluster.alert and hooks.guarded(may_wait, {arguments}):
        hooks.before_call(track)
    track.in_flight_since = monotonic()
    try:
        return original({passed})
    except errors as error:
        # The mark goes first: what follows is our time, not the server's.
        track.in_flight_since = 0.0
        hooks.failed(track, partial(failure_of, {receiver}, error, {arguments}))
        raise
    finally:
        track.in_flight_since = 0.0
"""


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


def watch(  # noqa: PLR0913 - what differs between drivers, all of it
    hooks: Hooks,
    original: Callable[..., Any],
    *,
    errors: type[Exception] | tuple[type[Exception], ...],
    failure_of: Callable[[Any, Any, tuple[Any, ...]], Failure],
    may_wait: Callable[[tuple[Any, ...]], bool] = lambda _: True,
    path: str = ATTRIBUTE,
    like: Callable[..., Any] | None = None,
    owner: type | None = None,
) -> Callable[..., Any]:
    """Return `original` as a method that marks its call as in flight and reports its errors.

    Args:
        hooks: where to report.
        original: the method.
        errors: the driver's base class of errors.
        failure_of: what an error on `self` means, given the call's arguments.
        may_wait: whether the call may wait for a refresh, given its arguments: in the order of the
            method's parameters, keyword-only ones apart.
        path: the attributes that lead from `self` to the track, with dots between them; where
            one is missing, the call is not watched.
        like: a function with the same parameters, if `original` is written in C and called often.
        owner: the class whose own instances are watched, if those of its subclasses are not: they
            are by what is set on their own class.
    """
    names = {
        "original": original,
        "hooks": hooks,
        "may_wait": may_wait,
        "failure_of": failure_of,
        "errors": errors,
        "monotonic": monotonic,
        "owner": owner,
        "partial": functools.partial,
    }
    model = original if isinstance(original, FunctionType) or like is None else like
    parameters = _parameters(model, {*names, "track", "error", "call"})
    unless = "" if owner is None else f" or type({parameters.receiver}) is not owner"
    source = _TEMPLATE.format(path=path, unless=unless, **parameters._asdict())
    place = f"<watch {getattr(original, '__qualname__', original)}>"
    scope = {**names, **parameters.defaults}
    exec(_compiled(source, place), scope)  # noqa: S102 - the template above, and parameters
    wrapped: Callable[..., Any] = functools.wraps(original)(scope["call"])
    return wrapped


def never(_: tuple[Any, ...]) -> bool:
    """Have no call of a method wait for a refresh: a rollback, or what is within an exchange."""
    return False


def watch_close(
    hooks: Hooks,
    original: Callable[..., Any],
    is_closed: Callable[[Any], bool],
    *,
    unmarks: bool = False,
) -> Callable[..., Any]:
    """Return `original`, a connection's method, as one that reports that the connection is closed.

    Meanwhile it is a call in flight, which no round of pruning takes for an abandoned connection.

    Args:
        hooks: where to report.
        original: the method.
        is_closed: whether a connection is closed: a pool's may only have been returned to it.
        unmarks: whether a closed connection is no longer known: a pool may connect it again.
    """

    @functools.wraps(original)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        track = getattr(self, ATTRIBUTE, None)
        if track is None:
            return original(self, *args, **kwargs)
        # Once the driver has ended the session, the connection looks hung up by the server.
        track.in_flight_since = monotonic()
        try:
            return original(self, *args, **kwargs)
        finally:
            try:
                if hooks.guarded(is_closed, self):
                    hooks.closed(track)
                    if unmarks:
                        unmark(self)
            finally:
                track.in_flight_since = 0.0

    return close


def _parameters(function: Callable[..., Any], taken: set[str]) -> _Parameters:
    """Return a function's own parameters; any at all if it has no say, or uses a `taken` name."""
    if not isinstance(function, FunctionType):
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
