"""psycopg's `AsyncConnection`: the same places as those of `Connection`, awaited.

Connects are received where psycopg awaits them, in `waiting.wait_conn_async`: a generator of
psycopg's cannot await. `_connect_gen` notes on the connection what it was called with.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Generator
from operator import attrgetter
from types import ModuleType
from typing import Any, NamedTuple

import psycopg
from psycopg import pq, waiting

from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.async_watching import watch, watch_close
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.psycopg_answers import read_late_answer_on_loop
from aurora_otel.drivers.connects import Login, Opening
from aurora_otel.drivers.protocol import Driver, Failure, Hooks
from aurora_otel.runtime.coroutines import run

# On a connection that is on its way to the application.
_CONNECTED = "_aurora_otel_connected"


class _Connected(NamedTuple):
    """What a connection was opened with.

    Attributes:
        connect: returns a generator that opens another one.
        parameters: the connection string.
        began: when, in nanoseconds since the epoch.
    """

    connect: Callable[[], Generator[Any, Any, Any]]
    parameters: str
    began: int

    def __repr__(self) -> str:
        return "<Connected>"  # there may be a password among the parameters


def install(
    patches: Patches,
    module: ModuleType,
    hooks: Hooks,
    driver: Driver,
    login_of: Callable[[Any, str], Login],
) -> None:
    """Patch `psycopg.AsyncConnection`.

    Args:
        patches: takes the patches back.
        module: psycopg.
        hooks: where to report.
        driver: psycopg's.
        login_of: returns what a connection was opened with, given the application's parameters.
    """
    connection = module.AsyncConnection

    def connect(
        wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Generator[Any, Any, Any]:
        return _noting(functools.partial(wrapped, *args, **kwargs), args, kwargs)

    async def opened(original: Callable[..., Any], made: Any, limits: dict[str, Any]) -> Any:
        connected: _Connected = vars(made).pop(_CONNECTED)
        parameters = connected.parameters
        login = hooks.guarded(login_of, made, parameters) or Login(parameters)

        async def reconnect() -> Any:
            again = await original(connected.connect(), **limits)
            vars(again).pop(_CONNECTED, None)
            return again

        opening = Opening(made, login, reconnect, connected.began)
        return await run(hooks.opened_steps(driver, opening))

    patches.wrap(connection, "_connect_gen", connect)
    original = waiting.wait_conn_async
    patches.replace(waiting, "wait_conn_async", _receiving(original, opened))
    watched = watch(
        hooks,
        connection.wait,
        errors=psycopg.Error,
        failure_of=_failure,
        settle=read_late_answer_on_loop,
    )
    patches.replace(connection, "wait", watched)
    close = watch_close(hooks, connection.close, attrgetter("closed"))
    patches.replace(connection, "close", close)


def _noting(
    connect: Callable[[], Generator[Any, Any, Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Generator[Any, Any, Any]:
    """Stand in for `_connect_gen`: note on the connection what it was opened with."""
    began = time.time_ns()
    parameters = args[0] if args else kwargs.get("conninfo", "")
    connection = yield from connect()
    vars(connection)[_CONNECTED] = _Connected(connect, parameters, began)
    return connection


def _receiving(original: Callable[..., Any], opened: Callable[..., Any]) -> Callable[..., Any]:
    """Stand in for `wait_conn_async`: hand the connection over that it has waited for."""

    @functools.wraps(original)
    async def wait_conn_async(gen: Any, *args: Any, **kwargs: Any) -> Any:
        made = await original(gen, *args, **kwargs)
        if _CONNECTED not in getattr(made, "__dict__", ()):
            # A cancellation, which is sent over a connection of its own.
            return made
        limits = {**dict(zip(("interval", "timeout"), args, strict=False)), **kwargs}
        return await opened(original, made, limits)

    return wait_conn_async


def _failure(connection: Any, error: Any, _: tuple[Any, ...]) -> Failure:
    lost = connection.pgconn.status == pq.ConnStatus.BAD
    return libpq.failure(error.sqlstate, lost=lost)
