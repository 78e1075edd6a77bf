"""Two instances that both say that they are the writer: the known one stays."""

from __future__ import annotations

import pytest

from aurora_otel.lab import Failover, Member
from tests.support.functions import tampered
from tests.support.sql import attempt, refused_write, serving, write
from tests.support.thawing import thaw_as_the_writer
from tests.support.waiting import eventually


@pytest.fixture
def zombie(agent, cluster, connect):
    """The old writer, awake again, after a failover that the agent has noticed."""
    connection = connect(cluster.dsn("writer"))
    write(connection)
    switch = cluster.failover(Failover.HANG)
    attempt(lambda: write(connect(cluster.dsn("writer"))))
    eventually(lambda: agent.exported.metric("aurora.failovers") == 1)
    thaw_as_the_writer(cluster, switch.old_writer)
    # The others list it as a reader, as Aurora's do: so it is asked, and claims beside the new one.
    readers = [Member(each, "a-reader") for each in cluster.instances if each != switch.new_writer]
    for instance in cluster.instances:
        if instance != switch.old_writer:
            cluster.set_view(instance, [Member(switch.new_writer, "MASTER_SESSION_ID"), *readers])
    yield switch.old_writer
    for instance in cluster.instances:
        cluster.set_view(instance, None)
    connection.close()


def confirmed(agent):
    """Return the writers that the refreshes have confirmed so far."""
    spans = agent.exported.spans("refresh topology")
    return [
        each.attributes["aurora.topology.writer_id"]
        for each in spans
        if each.attributes["aurora.topology.confirmed"]
    ]


def test_an_old_writer_that_wakes_up_costs_the_true_writer_no_connection(
    agent, cluster, connect, zombie
):
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    reader = connect(cluster.dsn("reader"))
    before = len(confirmed(agent))
    for _ in range(3):
        refused_write(reader)
    eventually(lambda: len(confirmed(agent)) > before)
    for connection in held:
        write(connection)
        assert serving(connection) == cluster.writer
    assert set(confirmed(agent)[before:]) == {cluster.writer}
    assert agent.exported.metric("aurora.failovers") == 1
    for connection in (*held, reader):
        connection.close()


def test_nor_does_a_connection_of_the_application_that_lands_on_it(agent, cluster, connect, zombie):
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    address, _ = cluster.address(zombie)
    # By its address: no name says which instance it is, and it says that it is the writer.
    misrouted = connect(cluster.dsn(zombie, host=address))
    assert serving(misrouted) == zombie
    for connection in held:
        write(connection)
    assert set(confirmed(agent)) <= {cluster.writer}
    assert agent.exported.metric("aurora.failovers") == 1
    for connection in (*held, misrouted):
        connection.close()


def test_a_writer_that_is_renamed_keeps_its_connections(agent, cluster, connect):
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    refused_write(connect(cluster.dsn("reader")))  # the agent's own connection is open
    writer = cluster.writer
    name = "aurora_db_instance_identifier"
    ((body,),) = cluster.execute(
        writer, f"SELECT pg_get_functiondef(to_regproc('pg_catalog.{name}'))"
    )
    head = body.partition("AS $function$")[0]
    renamed = (
        f"{head}AS $function$ SELECT CASE current_setting('cluster_name')"
        f" WHEN '{writer}' THEN 'renamed' ELSE current_setting('cluster_name') END $function$"
    )
    with tampered(cluster, name, renamed):
        others = [Member(each, "a-reader") for each in cluster.instances if each != writer]
        for instance in cluster.instances:
            cluster.set_view(instance, [Member("renamed", "MASTER_SESSION_ID"), *others])
        late = connect(cluster.dsn("writer"))
        refused_write(connect(cluster.dsn("reader")))
        eventually(lambda: agent.tracked("renamed") >= 1)
        for connection in (*held, late):
            write(connection)
            assert serving(connection) == writer
        assert agent.exported.metric("aurora.connection.invalidations") == 0
        late.close()
    for connection in held:
        connection.close()
