"""An invalidated connection behaves as any lost connection of its driver."""

from __future__ import annotations

import pytest

from aurora_otel.lab import Failover
from tests.behaviour.sql import READ_ONLY, attempt, refused_write, run, sqlstate
from tests.conftest import eventually


def with_block(connection) -> None:
    with connection:
        pass


def with_block_around_a_statement(connection) -> None:
    with connection:
        run(connection, "SELECT 1")


# Each in turn, on one connection that the server is gone from.
SCRIPTS = {
    "close": [lambda c: c.close(), lambda c: c.close()],
    "rollback": [lambda c: c.rollback(), lambda c: c.rollback(), lambda c: c.close()],
    "commit": [lambda c: c.commit(), lambda c: c.close()],
    "with": [with_block, lambda c: c.close()],
    "with a statement": [with_block_around_a_statement, lambda c: c.close()],
    "statement": [
        lambda c: run(c, "SELECT 1"),
        lambda c: c.rollback(),
        lambda c: run(c, "SELECT 1"),
        lambda c: c.cursor(),
        lambda c: c.close(),
    ],
    "cursor": [
        lambda c: c.cursor().close(),
        lambda c: c.cursor().execute("SELECT 1"),
        lambda c: c.cursor().fetchall(),
    ],
}


def play(connection, script) -> list[object]:
    """Return what each step came to: the type of its exception, and whether it is closed."""
    played = []
    for step in script:
        error = attempt(lambda step=step: step(connection))
        # psycopg2 tells 1 from 2 here, and both mean closed.
        played.append((type(error), sqlstate(error), bool(connection.closed)))
    return played


@pytest.mark.parametrize("in_transaction", [False, True])
def test_an_invalidated_connection_behaves_as_any_lost_one(start, cluster, connect, in_transaction):
    def prepare() -> dict[str, object]:
        connections = {name: connect(cluster.dsn("writer")) for name in SCRIPTS}
        for connection in connections.values():
            if in_transaction:
                run(connection, "SELECT 1")
        return connections

    plain = prepare()  # before the agent starts
    agent = start()
    ours = prepare()
    symptomatic = connect(cluster.dsn("writer"))
    old = cluster.writer
    cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(symptomatic)) == READ_ONLY
    eventually(lambda: agent.tracked(old) == 0)
    # What a network that went away leaves behind; the instrumented ones are gone already.
    cluster.gateway.cut("writer")
    eventually(lambda: cluster.gateway.links("writer") == 0)

    for name, script in SCRIPTS.items():
        assert play(ours[name], script) == play(plain[name], script), name
    symptomatic.close()
