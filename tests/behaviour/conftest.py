"""What the tests of behaviour share."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator

import psycopg
import psycopg2
import pytest

from aurora_otel.lab import Cluster


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
def interrupt_soon() -> Iterator[Callable[[], None]]:
    """Interrupts the main thread, as Ctrl-C does, inside the call that comes next."""
    # A shell starts what runs in the background with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.main_thread().ident
    assert main is not None
    yield lambda: threading.Timer(0.3, signal.pthread_kill, (main, signal.SIGINT)).start()
    signal.signal(signal.SIGINT, before)
