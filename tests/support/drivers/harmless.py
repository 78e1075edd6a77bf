"""Errors that an application gets without a failover."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from aurora_otel.lab import Cluster
from tests.support.agent import Agent
from tests.support.drivers.descriptors import Descriptor
from tests.support.drivers.engines import WRITE
from tests.support.sql import Call, attempt, run
from tests.support.waiting import eventually

Connect = Callable[..., Any]


def _run_all(connection: Any, statements: tuple[str, ...]) -> None:
    for statement in statements:
        run(connection, statement)


def read_only_transaction(driver: Descriptor, cluster: Cluster, connect: Connect) -> Any:
    connection = connect()
    _run_all(connection, driver.engine.read_only_transaction)
    error = attempt(lambda: run(connection, WRITE))
    assert driver.code(error) == driver.engine.codes["refused"]
    connection.rollback()
    connection.close()
    return error


def forbidden_by_another_option(driver: Descriptor, cluster: Cluster, connect: Connect) -> Any:
    connection = connect()
    error = attempt(lambda: _run_all(connection, driver.engine.forbidden))
    assert driver.code(error) == driver.engine.codes["forbidden"]
    connection.rollback()
    connection.close()
    return error


def lock_timeout(driver: Descriptor, cluster: Cluster, connect: Connect) -> Any:
    owner, late = connect(), connect()
    (row,) = _two_rows(owner)[:1]
    _touch(owner, row)
    _run_all(late, driver.engine.lock_at_once)
    error = attempt(lambda: _touch(late, row))
    assert driver.code(error) == driver.engine.codes["lock"]
    for connection in (owner, late):
        connection.rollback()
        connection.close()
    return error


def deadlock(driver: Descriptor, cluster: Cluster, connect: Connect) -> Any:
    one, other = connect(), connect()
    first, second = _two_rows(one)
    _touch(one, first)
    _touch(other, second)
    waiting = Call(lambda: _touch(one, second))
    errors = [attempt(lambda: _touch(other, first))]
    if errors == [None]:
        errors.append(waiting.outcome())
    assert driver.code(errors[-1]) == driver.engine.codes["deadlock"]
    attempt(other.rollback)
    waiting.outcome()
    one.rollback()
    for connection in (one, other):
        connection.close()
    return errors[-1]


def idle_timeout(driver: Descriptor, cluster: Cluster, connect: Connect) -> Any:
    connection = connect()
    ((session,),) = run(connection, driver.engine.session)
    # A driver may go to the network once more in this very call, and a busy machine take its time.
    early = attempt(lambda: _run_all(connection, driver.engine.idle_timeout))
    eventually(lambda: not cluster.execute(cluster.writer, driver.engine.is_there, session))
    error = early or attempt(lambda: run(connection, "SELECT 1"))
    assert isinstance(error, driver.errors)
    attempt(connection.close)
    return error


class Harmless(NamedTuple):
    """An error that is no failover.

    Attributes:
        provoke: makes an application get it, on connections of its own; returns it.
        is_symptom: whether it may be one, so that the topology is refreshed.
    """

    provoke: Callable[[Descriptor, Cluster, Connect], Any]
    is_symptom: bool


HARMLESS = {
    "read-only transaction": Harmless(read_only_transaction, is_symptom=True),
    "forbidden by another option": Harmless(forbidden_by_another_option, is_symptom=False),
    "lock timeout": Harmless(lock_timeout, is_symptom=False),
    "deadlock": Harmless(deadlock, is_symptom=False),
    "idle timeout": Harmless(idle_timeout, is_symptom=True),
}


@contextlib.contextmanager
def nothing_happens(
    agent: Agent, cluster: Cluster, connect: Connect, driver: Descriptor
) -> Iterator[None]:
    """Hold connections of all kinds to a cluster, and check at the end that none was touched."""
    targets = ["writer", "reader", "custom", *cluster.instances]
    ours = [*map(connect, targets), connect("writer", "address")]
    sessions = [driver.session(connection) for connection in ours]
    yield
    assert [driver.session(connection) for connection in ours] == sessions
    assert agent.exported.metric("aurora.connection.invalidations") == 0
    assert agent.exported.metric("aurora.connection.stale") == 0
    assert agent.exported.metric("aurora.failovers") == 0
    for connection in ours:
        connection.close()


def _two_rows(connection: Any) -> list[int]:
    run(connection, WRITE)
    run(connection, WRITE)
    connection.commit()
    rows = run(connection, "SELECT id FROM writes ORDER BY id DESC LIMIT 2")
    connection.commit()
    return [row[0] for row in rows]


def _touch(connection: Any, row: int) -> None:
    run(connection, f"UPDATE writes SET x = 'touched' WHERE id = {row}")
