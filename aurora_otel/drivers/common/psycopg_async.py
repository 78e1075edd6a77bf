"""psycopg's `AsyncConnection`: the same places as those of `Connection`, awaited.

Connects are carried out where psycopg awaits them, in `waiting.wait_conn_async`: a generator of
psycopg's cannot await. `_connect_gen` only says what is to be connected.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Generator
from operator import attrgetter
from types import ModuleType
from typing import Any

import psycopg
from psycopg import pq, waiting

from aurora_otel.drivers.common import libpq
from aurora_otel.drivers.common.async_watching import watch, watch_close
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.psycopg_answers import read_late_answer_on_loop
from aurora_otel.drivers.common.psycopg_connects import Asked, resolve_on_loop
from aurora_otel.drivers.connects import Attempt, Login, Opening
from aurora_otel.drivers.protocol import Driver, Failure, Hooks
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime.coroutines import run


class _Connect(Generator[Any, Any, Any]):
    """A connect that psycopg is about to wait for; as what `_connect_gen` returns.

    Attributes:
        asked: the connect, as the application asked for it.
        began: when, in nanoseconds since the epoch.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.began = time.time_ns()

    @functools.cached_property
    def _plain(self) -> Generator[Any, Any, Any]:
        return self.asked.as_resolved() or self.asked.connect_to(self.asked.parameters)

    def send(self, value: Any) -> Any:
        """Go on without the agent, if something else waits for it."""
        return self._plain.send(value)

    def throw(self, *error: Any) -> Any:
        """As `send`."""
        return self._plain.throw(*error)


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
    resolved = module.connection_async.conninfo_attempts_async

    def connect(
        wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> _Connect:
        given = args[0] if args else kwargs.get("conninfo", "")
        return _Connect(Asked(hooks, wrapped, given))

    def resolve(
        wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return resolve_on_loop(hooks, wrapped, args, kwargs)

    async def carry_out(begun: _Connect, wait: Callable[..., Any]) -> Any:
        asked = begun.asked

        def opening(made: Any) -> Opening:
            login = hooks.guarded(login_of, made, asked.conninfo) or Login(asked.conninfo)
            return Opening(made, login, again, begun.began, asked.hosts)

        def straight(to: Whereabouts) -> Any:
            return wait(asked.connect_straight(to))

        again = functools.partial(_connected, asked, wait, resolved)
        attempt = Attempt(asked.host, again, straight if asked.is_by_name else None, opening)
        return await run(hooks.connect_steps(driver, attempt))

    patches.wrap(connection, "_connect_gen", connect)
    patches.wrap(module.connection_async, "conninfo_attempts_async", resolve)
    patches.replace(waiting, "wait_conn_async", _carrying_out(waiting.wait_conn_async, carry_out))
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


async def _connected(
    asked: Asked, wait: Callable[..., Any], attempts: Callable[..., Awaitable[list[Any]]]
) -> Any:
    """Connect as the application asked, the host's name resolved afresh."""
    as_resolved = asked.as_resolved()
    if as_resolved is not None:
        return await wait(as_resolved)
    failure: psycopg.Error | None = None
    for each in await attempts(asked.parameters):
        try:
            return await wait(asked.connect_to(each))
        except psycopg.Error as error:  # noqa: PERF203 - as psycopg does
            failure = error
    raise failure or psycopg.OperationalError("no host to connect to")


def _carrying_out(
    original: Callable[..., Any], carry_out: Callable[..., Any]
) -> Callable[..., Any]:
    """Stand in for `wait_conn_async`: have the agent carry the connect out."""

    @functools.wraps(original)
    async def wait_conn_async(gen: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(gen, _Connect):
            # A cancellation, which is sent over a connection of its own.
            return await original(gen, *args, **kwargs)
        return await carry_out(gen, lambda connecting: original(connecting, *args, **kwargs))

    return wait_conn_async


def _failure(connection: Any, error: Any, _: tuple[Any, ...]) -> Failure:
    lost = connection.pgconn.status == pq.ConnStatus.BAD
    return libpq.failure(error.sqlstate, lost=lost, reported=connection.info.parameter_status)
