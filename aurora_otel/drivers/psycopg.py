"""psycopg 3. What differs for `AsyncConnection` is in `common/psycopg_async.py`.

Two places of `psycopg.Connection` see everything: `_connect_gen`, below what pools and other
instrumentations call and wrap, and `wait`, which every network operation of a connection passes:
execution, commit, rollback, COPY, server-side cursors, pipelines.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Coroutine, Generator
from operator import attrgetter
from types import ModuleType
from typing import Any

import psycopg
from psycopg import conninfo, generators, pq, waiting

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import libpq, psycopg_answers, psycopg_async, psycopg_connects
from aurora_otel.drivers.common.deadline import check_login
from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.common.psycopg_answers import INTERVAL, limited
from aurora_otel.drivers.common.watching import watch, watch_close
from aurora_otel.drivers.connects import Attempt, Login, LoginFailure, Opening
from aurora_otel.drivers.protocol import Failure, Hooks, Monitor, Rows, Traced
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import blocking, sockets

# So many logins are kept as values.
_MOST_LOGINS = 8
_CURSORS = (
    psycopg.Cursor,
    psycopg.ServerCursor,
    psycopg.AsyncCursor,
    psycopg.AsyncServerCursor,
)


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
            asked = psycopg_connects.Asked(hooks, wrapped, given)
            return _connecting(self, hooks, asked, attempts, began)

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
                settle=psycopg_answers.read_late_answer,
            ),
        )
        patches.replace(
            connection, "close", watch_close(hooks, connection.close, attrgetter("closed"))
        )
        psycopg_async.install(patches, module, hooks, self, _login)
        if traced is not None:
            for cursor in _CURSORS:
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
        return psycopg_answers.fileno(connection)

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

    def ask(
        self, connection: Any, statement: str, timeout: float
    ) -> Rows | Coroutine[Any, Any, Rows]:
        """Run a statement below psycopg's own state: no BEGIN, no adapters, nothing prepared."""
        # On an event loop, its rows are to be awaited.
        if isinstance(connection, psycopg.AsyncConnection):
            return psycopg_answers.ask_on_loop(connection, statement, timeout)
        return psycopg_answers.ask(connection, statement, timeout)

    def discard(self, connection: Any) -> None:
        """Finish it on libpq's level, past the hook on `close`."""
        psycopg_answers.discard(connection)

    def monitor(self, login: Login, address: Address | None, timeout: float) -> Monitor:
        """Connect on psycopg's own generators, below every patch."""
        application = conninfo.conninfo_to_dict(login.parameters)
        parameters = libpq.overrides(application, address)
        made = conninfo.make_conninfo(login.parameters, **parameters)
        connecting = _few_bytes(limited(generators.connect(made), time.monotonic() + timeout))
        connection = psycopg.Connection(waiting.wait_conn(connecting, interval=INTERVAL))
        sock = sockets.identify(self.fileno(connection))
        return SocketMonitor(connection, sock, psycopg_answers.ask, self.discard)

    def login_failure(self, error: Exception) -> LoginFailure | None:
        """Go by the SQLSTATE, where libpq passes it on, else by libpq's words."""
        if not isinstance(error, psycopg.OperationalError):
            return None
        return libpq.login_failure(error.sqlstate, str(error))


def _connecting(
    driver: Adapter,
    hooks: Hooks,
    asked: psycopg_connects.Asked,
    attempts: Callable[..., Any],
    began: int,
) -> Generator[Any, Any, Any]:
    """Stand in for `_connect_gen`: have the agent connect, and hand the connection over.

    The first connect is part of psycopg's own wait, which goes on with the socket that it began
    with. Others are waited for here, each for as long as the application allows.
    """

    def opening(connection: Any) -> Opening:
        login = hooks.guarded(_login, connection, asked.conninfo) or Login(asked.conninfo)
        return Opening(connection, login, connect, began, asked.hosts)

    connect = functools.partial(asked.connect, attempts)
    straight = asked.connect_straight if asked.is_by_name else None
    attempt = Attempt(asked.host, connect, straight, opening)
    steps = hooks.connect_steps(driver, attempt)
    return (yield from blocking.run_within(steps, lambda made: _wait_for(made, asked.timeout)))


def _few_bytes(connecting: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Have a login of the agent's own end if the server sends more than one may bring."""
    with contextlib.closing(connecting):
        try:
            state = next(connecting)
            while True:
                ready = yield state
                state = connecting.send(ready)
                check_login(state[0])
        except StopIteration as end:
            return end.value


def _wait_for(connecting: Generator[Any, Any, Any], timeout: float) -> Any:
    try:
        connecting = limited(connecting, time.monotonic() + timeout)
        return waiting.wait_conn(connecting, interval=INTERVAL)
    except TimeoutError:
        raise psycopg.errors.ConnectionTimeout("connection timeout expired") from None


def _login(connection: Any, parameters: str) -> Login:
    pgconn = connection.pgconn

    def applied() -> dict[str, str]:
        options = [(os.fsdecode(each.keyword), each.val) for each in pgconn.info]
        return {name: os.fsdecode(value) for name, value in options if value}

    password = os.fsdecode(pgconn.password or b"")
    if not libpq.may_name_a_service(parameters):
        return _login_with(parameters, password)
    given = conninfo.conninfo_to_dict(parameters)
    found = libpq.login(given, password, applied)
    return Login(parameters if found == given else conninfo.make_conninfo(**found))


# An application connects with few: to take one apart takes longer than all else of a connect.
@functools.lru_cache(_MOST_LOGINS)
def _login_with(parameters: str, password: str) -> Login:
    """Return what a connection was opened with that no service's file has a part in."""
    if not password or conninfo.conninfo_to_dict(parameters).get("password") == password:
        return Login(parameters)
    return Login(conninfo.make_conninfo(parameters, password=password))


def _may_wait(args: tuple[Any, ...]) -> bool:
    return getattr(args[0] if args else None, "__name__", "") != "_rollback_gen"


def _failure(connection: Any, error: Any, args: tuple[Any, ...]) -> Failure:
    lost = connection.pgconn.status == pq.ConnStatus.BAD
    reported = connection.info.parameter_status
    return libpq.failure(error.sqlstate, lost=lost, may_wait=_may_wait(args), reported=reported)
