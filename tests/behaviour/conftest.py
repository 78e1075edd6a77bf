"""What the tests of behaviour share."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import psycopg
import psycopg2
import pytest

from aurora_otel.lab import Cluster
from tests.behaviour.left_on_loops import is_of_the_agent, left_on
from tests.support.drivers.awaited import LOOPS
from tests.support.logins import Logins, logged

# What asyncpg leaves where it asks a server to cancel a statement, and the connection is closed
# meanwhile: it drops the connect, and never asks what became of that.
DROPPED_CONNECT = "unexpected connection_lost() call"


@pytest.fixture
def module(driver: str):
    """The driver's module."""
    return {"psycopg": psycopg, "psycopg2": psycopg2}[driver]


@pytest.fixture(scope="session")
def _mysql_lab_with_procedure(mysql_lab: Cluster) -> Cluster:
    name = f"{mysql_lab.database}.two_results"
    statement = f"CREATE PROCEDURE {name} (n int) BEGIN SELECT n; SELECT n + 1, 'x'; END"
    mysql_lab.execute(mysql_lab.writer, statement)
    return mysql_lab


@pytest.fixture
def mysql_cluster(_mysql_lab_with_procedure: Cluster) -> Cluster:
    """A healthy cluster on MariaDB; it has a table `writes` and a procedure `two_results`."""
    _mysql_lab_with_procedure.heal()
    return _mysql_lab_with_procedure


@pytest.fixture
def logins(cluster: Cluster) -> Logins:
    """Counts logins at the servers."""
    return logged(cluster)


@pytest.fixture
def interrupt_soon() -> Iterator[Callable[[], None]]:
    """Interrupts the main thread, as Ctrl-C does, inside the call that comes next."""
    # A shell starts what runs in the background with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.main_thread().ident
    assert main is not None
    yield lambda: threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT)).start()
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def loop() -> str:
    """The kind of loop, where a test does not choose."""
    return "asyncio"


@pytest.fixture
def play(loop: str) -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a coroutine as an application does; afterwards the loop has nothing left to do."""

    def play(coroutine: Coroutine[Any, Any, None]) -> None:
        made = LOOPS[loop]()
        made.set_debug(enabled=True)
        complaints: list[object] = []

        def complain(_: object, context: dict[str, Any]) -> None:
            if str(context.get("exception")) != DROPPED_CONNECT:
                complaints.append(context)

        made.set_exception_handler(complain)

        async def whole() -> set[Any]:
            await coroutine
            await asyncio.sleep(0)
            return asyncio.all_tasks() - {asyncio.current_task()}

        try:
            assert made.run_until_complete(whole()) == set()
            assert [each for each in left_on(made) if is_of_the_agent(each)] == []
        finally:
            made.close()
        assert complaints == []

    return play
