"""psycopg 3 (sync).

Two places of `psycopg.Connection` see everything: `_connect_gen`, below what pools and other
instrumentations call and wrap, and `wait`, which every network operation of a connection passes:
execution, commit, rollback, COPY, server-side cursors, pipelines.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
import weakref
from collections.abc import Callable, Generator
from operator import attrgetter
from types import ModuleType
from typing import Any

import psycopg
from psycopg import conninfo, generators, pq, waiting

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import libpq, psycopg_connects
from aurora_otel.drivers.common.deadline import deadline
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.watching import watch, watch_close
from aurora_otel.drivers.protocol import (
    Attempt,
    Failure,
    Hooks,
    Login,
    LoginFailure,
    Monitor,
    Opening,
    Rows,
    Traced,
)
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import blocking, sockets

# How often a wait comes back to Python, for signals and for our deadline: seconds.
_INTERVAL = 0.05
# The first read brings 16 KiB at most, all of an Aurora's answer. A later one may go on for as long
# as something comes.
_WATCHED_READ = 2


class Adapter(libpq.LibpqDriver):
    """The `Driver` for psycopg 3."""

    name = "psycopg"
    postpones_answers = True
    parse = staticmethod(conninfo.conninfo_to_dict)
    make = staticmethod(conninfo.make_conninfo)

    def install(
        self, module: ModuleType, hooks: Hooks, traced: Traced | None
    ) -> Callable[[], None]:
        """Patch `psycopg.Connection`; for query spans also the cursors."""
        connection = module.Connection
        patches = Patches()
        attempts = module.connection.conninfo_attempts

        def connect(
            wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            began = time.time_ns()
            given = args[0] if args else kwargs.get("conninfo", "")
            asked = psycopg_connects.Asked(hooks, wrapped, attempts, given)
            return _connecting(self, hooks, asked, began)

        def resolve(
            wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            return psycopg_connects.resolve(hooks, wrapped, args, kwargs)

        patches.wrap(connection, "_connect_gen", connect)
        patches.wrap(module.connection, "conninfo_attempts", resolve)
        patches.replace(
            connection,
            "wait",
            watch(
                hooks,
                connection.wait,
                errors=psycopg.Error,
                failure_of=_failure,
                may_wait=_may_wait,
            ),
        )
        patches.replace(
            connection, "close", watch_close(hooks, connection.close, attrgetter("closed"))
        )
        if traced is not None:
            for cursor in (module.Cursor, module.ServerCursor):
                for name in ("execute", "executemany"):
                    made = traced(self.system, getattr(cursor, name), attributes=libpq.SHOWN)
                    patches.replace(cursor, name, made)
        return patches.undo

    def address(self, connection: Any) -> Address:
        """Return what libpq connected to."""
        host = connection.pgconn.host or connection.pgconn.hostaddr or b"localhost"
        port = connection.pgconn.port
        return Address(os.fsdecode(host), int(port) if port else libpq.DEFAULT_PORT)

    def backend_id(self, connection: Any) -> str | None:
        """Return the process id of `BackendKeyData`."""
        return str(connection.pgconn.backend_pid)

    def fileno(self, connection: Any) -> int:
        """Return libpq's descriptor, -1 once the connection is gone."""
        return -1 if connection.closed else int(connection.pgconn.socket)

    def accepts_questions(self, connection: Any, login: Login) -> bool:  # noqa: ARG002 - as any driver
        """Not for replication."""
        # Parsing takes as long as the rest of tracking it.
        if "replication" not in login.parameters:
            return True
        return not libpq.is_replication(conninfo.conninfo_to_dict(login.parameters))

    def is_idle(self, connection: Any) -> bool:
        """Neither in a transaction nor in a pipeline."""
        state = (connection.pgconn.transaction_status, connection.pgconn.pipeline_status)
        return state == (pq.TransactionStatus.IDLE, pq.PipelineStatus.OFF)

    def ask(self, connection: Any, statement: str, timeout: float) -> Rows:
        """Run a statement below psycopg's own state: no BEGIN, no adapters, nothing prepared."""
        pgconn = connection.pgconn
        # Before anything is sent: a failure here must leave no answer on the connection.
        sock = sockets.identify(self.fileno(connection))
        try:
            # A signal handler may raise from here on, and the server answers all the same.
            pgconn.send_query(statement.encode())
            execution = _limited(generators.execute(pgconn), time.monotonic() + timeout, sock)
            results: Any = waiting.wait(execution, pgconn.socket, interval=_INTERVAL)
        except _UnfinishedError:
            # What is left of it may have no end.
            self.discard(connection)
            raise
        except BaseException:
            _postpone_answer(connection)
            raise
        result = results[-1]
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result)
        return [
            [_text(result.get_value(row, column)) for column in range(result.nfields)]
            for row in range(result.ntuples)
        ]

    def discard(self, connection: Any) -> None:
        """Finish it on libpq's level, past the hook on `close`."""
        connection._closed = True  # noqa: SLF001 - else its __del__ warns of a leak
        connection.pgconn.finish()

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect on psycopg's own generators, below every patch."""
        application = conninfo.conninfo_to_dict(login.parameters)
        parameters = libpq.overrides(application, address)
        made = conninfo.make_conninfo(login.parameters, **parameters)
        connecting = _limited(generators.connect(made), time.monotonic() + timeout)
        connection = psycopg.Connection(waiting.wait_conn(connecting, interval=_INTERVAL))
        sock = sockets.identify(self.fileno(connection))
        return SocketMonitor(connection, sock, self.ask, self.discard)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the SQLSTATE, where libpq passes it on, else by libpq's words."""
        if not isinstance(error, psycopg.OperationalError):
            return None
        return libpq.login_failure(error.sqlstate, str(error))


def _connecting(
    driver: Adapter, hooks: Hooks, asked: psycopg_connects.Asked, began: int
) -> Generator[Any, Any, Any]:
    """Stand in for `_connect_gen`: have the agent connect, and hand the connection over.

    The first connect is part of psycopg's own wait, which goes on with the socket that it began
    with. Others are waited for here, each for as long as the application allows.
    """

    def opening(connection: Any) -> Opening:
        login = hooks.guarded(_login, connection, asked.conninfo) or Login(asked.conninfo)
        return Opening(connection, login, asked.connect, began)

    attempt = Attempt(asked.host, asked.connect, asked.straight, opening)
    steps = hooks.connect_steps(driver, attempt)
    return (yield from blocking.run_within(steps, lambda made: _wait_for(made, asked.timeout)))


def _wait_for(connecting: Generator[Any, Any, Any], timeout: float) -> Any:
    try:
        limited = _limited(connecting, time.monotonic() + timeout)
        return waiting.wait_conn(limited, interval=_INTERVAL)
    except TimeoutError:
        raise psycopg.errors.ConnectionTimeout("connection timeout expired") from None


def _login(connection: Any, parameters: str) -> Login:
    pgconn = connection.pgconn

    def applied() -> dict[str, str]:
        options = [(os.fsdecode(each.keyword), each.val) for each in pgconn.info]
        return {name: os.fsdecode(value) for name, value in options if value}

    given = conninfo.conninfo_to_dict(parameters)
    found = libpq.login(given, os.fsdecode(pgconn.password or b""), applied)
    return Login(parameters if found == given else conninfo.make_conninfo(**found))


def _limited(
    generator: Generator[Any, Any, Any], until: float, sock: sockets.SocketId | None = None
) -> Generator[Any, Any, Any]:
    """Drive a generator of psycopg's within limits.

    Args:
        generator: the generator.
        until: when it must have ended, in seconds of the monotonic clock.
        sock: the socket of an answer that is to have an end.

    Raises:
        TimeoutError: it has come to `until`.
        _UnfinishedError: it has, or `sock` has received too many bytes; part of an answer came.
    """
    reads = 0
    try:
        with contextlib.closing(generator), contextlib.ExitStack() as watched:
            try:
                state = next(generator)
                while True:
                    ready = yield state
                    reads += bool(ready & waiting.Ready.R)
                    # Also while something comes: an answer may have no end.
                    if (left := until - time.monotonic()) <= 0:
                        raise TimeoutError
                    if sock is not None and reads == _WATCHED_READ:
                        watched.enter_context(deadline(sock, left, psycopg.Error))
                    state = generator.send(ready)
            except StopIteration as end:
                return end.value
    except TimeoutError as error:
        if reads:
            raise _UnfinishedError from error
        raise


def _postpone_answer(connection: Any) -> None:
    """Have the connection's next `wait`, which all calls pass, first read the agent's answer."""
    there = weakref.ref(connection)

    def wait(generator: Any, *args: Any, **kwargs: Any) -> Any:
        connection: Any = there()
        original = functools.partial(type(connection).wait, connection)
        if connection.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
            original(_late_answer(connection))
        vars(connection).pop("wait", None)
        return original(generator, *args, **kwargs)

    vars(connection)["wait"] = wait


def _late_answer(connection: Any) -> Generator[Any, Any, Any]:
    """Read what is left of the agent's answer: for as long as it takes, but within its bytes."""
    sock = sockets.identify(int(connection.pgconn.socket))
    try:
        yield from _limited(generators.execute(connection.pgconn), float("inf"), sock)
    except TimeoutError:
        connection.pgconn.finish()
        raise psycopg.OperationalError("the connection is lost") from None


class _UnfinishedError(TimeoutError):
    """Part of an answer came in time."""


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _may_wait(args: tuple[Any, ...]) -> bool:
    return getattr(args[0] if args else None, "__name__", "") != "_rollback_gen"


def _failure(connection: Any, error: Any, args: tuple[Any, ...]) -> Failure:
    lost = connection.pgconn.status == pq.ConnStatus.BAD
    return libpq.failure(error.sqlstate, lost=lost, may_wait=_may_wait(args))
