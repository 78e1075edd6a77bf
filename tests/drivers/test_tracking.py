"""Each driver's connections are tracked under the instance that they landed on, until they end."""

from __future__ import annotations

import gc

from aurora_otel.discovery.servers import Servers
from tests.support.drivers.long_calls import LongCall
from tests.support.sql import attempt
from tests.support.waiting import eventually

LIMIT = {"postgresql": "SHOW max_connections", "mysql": "SELECT @@global.max_connections"}
OPENS = "aurora.connection.opens"
PRUNES = "aurora.connection.prunes"


def test_a_connection_is_tracked_under_the_instance_that_it_landed_on(
    start, cluster, connect, driver, way
):
    settings = {}
    target = cluster.readers[0] if way.target == "a reader" else way.target
    if way.is_writer_endpoint:
        host = cluster.address(target)[0] if way.host == "address" else way.host
        settings = {"writer_endpoints": host}
    agent = start(**driver.settings(cluster) | settings)
    connection = connect(target, way.host)

    instance = driver.serving(connection)
    assert agent.tracked(instance) == agent.tracked() == 1
    attributes = {"instance_id": instance, "endpoint_type": way.type, "driver": driver.name}
    role = "writer" if instance == cluster.writer else "reader"
    assert agent.exported.metric(OPENS, **attributes, instance_role=role) == 1
    connection.close()


def test_how_many_connections_a_server_allows_is_known_without_a_further_question(
    start, cluster, link, monkeypatch
):
    learnt, learn = [], Servers.learn

    def note(servers, address, server, now):
        learnt.append(server.max_connections)
        learn(servers, address, server, now)

    monkeypatch.setattr(Servers, "learn", note)
    agent = start(**link.settings)
    connection = link.connect()
    ((limit,),) = cluster.execute(cluster.writer, LIMIT[cluster.engine])
    assert learnt == [int(limit)]
    # Of the cluster too, some of whose servers are never asked.
    assert [each.max_connections for each in agent.internals.clusters] == learnt
    connection.close()


def test_a_closed_connection_is_no_longer_tracked(start, link):
    agent = start(**link.settings)
    held = [link.connect(target) for target in ("writer", "reader", "writer")]
    assert agent.tracked() == 3
    held.pop().close()
    assert agent.tracked() == 2
    for connection in held:
        connection.close()
    assert agent.tracked() == 0
    assert agent.exported.metric("aurora.connection.closes") == 3
    assert agent.exported.metric(PRUNES) == 0


def test_a_leaked_connection_is_pruned(start, link):
    agent = start(**link.settings)
    link.connect()

    def is_pruned() -> bool:
        # Each time: a round of the loop may hold it for a moment.
        gc.collect()
        return agent.exported.metric(PRUNES, prune_reason="garbage_collected") == 1

    try:
        eventually(is_pruned)
    except AssertionError as error:
        raise AssertionError(f"held by {_holders(agent)}") from error
    assert agent.tracked() == 0
    (span,) = eventually(lambda: agent.exported.spans("prune connections"))
    assert span.attributes["aurora.prunes.garbage_collected"] == 1


def _holders(agent):
    """Return what holds the open connections."""
    tracks = [
        track
        for cluster in agent.internals.clusters
        for track in agent.internals.tracker.tracks(cluster)
    ]
    return [gc.get_referrers(track()) for track in tracks]


def test_a_connection_in_a_long_call_stays_tracked(agent, cluster, connect, driver):
    connection, other = connect(), connect()
    call = LongCall(cluster, driver, connection)
    cluster.execute(cluster.writer, driver.engine.kill, driver.session(other))
    # A round of the loop has passed, and has checked both of them.
    eventually(lambda: agent.exported.metric(PRUNES) == 1)
    assert agent.tracked() == 1
    call.cancel()
    call.outcome()
    attempt(connection.rollback)
    connection.close()
    assert agent.exported.metric("aurora.connection.closes") == 1
    attempt(other.close)
