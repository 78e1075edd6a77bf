"""A server that is no Aurora is tracked quietly."""

from __future__ import annotations

import pytest

import aurora_otel
from aurora_otel.lab import Cluster
from tests.support.sql import READ_ONLY, Call, pid, refused_write, run, sqlstate, write
from tests.support.waiting import eventually

FUNCTIONS = ("aurora_version", "aurora_db_instance_identifier", "aurora_replica_status")
# Once in each probing query.
PROBE = "'pg_catalog.aurora_replica_status()'"


class Plain:
    """One plain server, and what it logged."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.server = cluster.writer
        self._log = cluster.log(self.server)
        for function in FUNCTIONS:
            cluster.execute(
                self.server,
                f"SET allow_system_table_mods = on; DROP FUNCTION pg_catalog.{function}()",
            )
        cluster.execute(self.server, "CREATE TABLE writes (x text)")
        cluster.execute(self.server, "GRANT ALL ON writes TO app")
        cluster.execute(self.server, "ALTER DATABASE app SET log_statement = 'all'")

    def dsn(self) -> str:
        host, _ = self.cluster.address(self.server)
        return self.cluster.dsn(self.server, host=host)

    def logged(self, words: str) -> int:
        return self._log.read_text().count(words)


@pytest.fixture(scope="module")
def plain():
    with Cluster("plain", instances=["plain-1"]) as cluster:
        yield Plain(cluster)


@pytest.fixture
def quiet_agent(start, plain):
    """An agent that knows nothing of the lab: no instance of it is reached here."""
    return start(instance_endpoints="")


def test_a_plain_server_is_probed_once_and_tracked_as_unknown(quiet_agent, plain, connect, driver):
    probes, errors = plain.logged(PROBE), plain.logged("ERROR:")
    held = [connect(plain.dsn()) for _ in range(4)]
    for connection in held:
        write(connection)
    assert plain.logged(PROBE) == probes + 1
    assert plain.logged("ERROR:") == errors

    (known,) = aurora_otel.snapshot().clusters
    assert [(each.id, each.connections) for each in known.instances] == [("unknown", {driver: 4})]
    assert known.writer is None
    assert quiet_agent.exported.metric("aurora.connection.opens", instance_role="unknown") == 4
    for connection in held:
        connection.close()


def test_symptoms_on_a_plain_server_send_no_query(quiet_agent, plain, connect):
    held = [connect(plain.dsn()) for _ in range(2)]
    asked = plain.logged("aurora_") + plain.logged(PROBE)
    errors = plain.logged("ERROR:")
    run(held[0], "SET TRANSACTION READ ONLY")
    assert sqlstate(refused_write(held[0])) == READ_ONLY
    plain.cluster.execute(plain.server, "SELECT pg_terminate_backend(%s::int)", pid(held[1]))
    eventually(lambda: quiet_agent.tracked() == 1)  # hung up

    write(held[0])
    assert plain.logged("aurora_") + plain.logged(PROBE) == asked
    assert plain.logged("ERROR:") == errors + 1  # the refused write itself
    assert quiet_agent.exported.spans("refresh topology") == []
    assert quiet_agent.exported.points("aurora.failovers") == []
    assert not aurora_otel.snapshot().clusters[0].window_open
    for connection in held:
        connection.close()


def test_a_long_statement_on_a_plain_server_is_nobodys_business(start, plain, connect):
    agent = start(instance_endpoints="", stuck_after=0.1)
    connection = connect(plain.dsn())
    assert Call(lambda: run(connection, "SELECT pg_sleep(0.5)")).outcome() is None
    assert agent.exported.spans("refresh topology") == []
    connection.close()
