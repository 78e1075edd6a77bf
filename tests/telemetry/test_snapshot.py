"""`aurora_otel.snapshot()`: what is tracked where, right before and right after a failover."""

import psycopg
import psycopg2
import pytest

import aurora_otel
from aurora_otel import (
    ClusterSnapshot,
    InstanceSnapshot,
    InvalidationSnapshot,
    SettingSnapshot,
    Snapshot,
    __version__,
)
from aurora_otel.lab import Failover
from aurora_otel.model.topology import Role
from tests.support.waiting import eventually


def refused_write(connection):
    with pytest.raises((psycopg.Error, psycopg2.Error), match="read-only"):
        connection.cursor().execute("INSERT INTO writes (x) VALUES ('x')")


def by_id(snapshot):
    (cluster,) = snapshot.clusters
    return {instance.id: instance for instance in cluster.instances}


def test_without_an_agent_it_says_so():
    snapshot = aurora_otel.snapshot()
    assert snapshot == Snapshot(active=False, mode="", clusters=(), internal_failures={})
    assert str(snapshot) == "aurora-otel is not active"


def test_before_the_first_connection_there_is_no_cluster(agent):
    assert aurora_otel.snapshot().clusters == ()
    first, *others = str(aurora_otel.snapshot()).splitlines()
    assert first == "aurora-otel is active, mode cleanup"
    assert all(line.startswith(("version ", "setting ")) for line in others)
    assert f"version {__version__}, patched: " in aurora_otel.snapshot()._repr_html_()


def test_it_shows_every_instance_by_role_and_driver(agent, cluster):
    held = [
        psycopg.connect(cluster.dsn("writer")),
        psycopg2.connect(cluster.dsn("writer")),
        psycopg2.connect(cluster.dsn("writer")),
        psycopg.connect(cluster.dsn(cluster.readers[0])),
    ]
    snapshot = aurora_otel.snapshot()
    settings = snapshot.settings
    assert {"psycopg", "psycopg2"} <= set(snapshot.patched)
    assert settings["prune_interval"] == SettingSnapshot("0.2", "an argument of instrument()")
    first, second = sorted(cluster.readers)
    used = cluster.readers[0]
    assert snapshot == Snapshot(
        active=True,
        mode="cleanup",
        clusters=(
            ClusterSnapshot(
                id="lab",
                system="postgresql",
                kind="aurora",
                writer=cluster.writer,
                window_open=False,
                failovers=0,
                instances=(
                    InstanceSnapshot(
                        cluster.writer, Role.WRITER, {"psycopg": 1, "psycopg2": 2}, stale=0
                    ),
                    *(
                        InstanceSnapshot(
                            reader, Role.READER, {"psycopg": 1} if reader == used else {}, stale=0
                        )
                        for reader in (first, second)
                    ),
                ),
            ),
        ),
        internal_failures={},
        settings=settings,
        patched=snapshot.patched,
    )
    assert str(snapshot).splitlines() == [
        "aurora-otel is active, mode cleanup",
        "cluster lab (postgresql, aurora): 4 connections, 0 failovers",
        f"  writer  {cluster.writer}: 1 psycopg, 2 psycopg2",
        *(
            f"  reader  {reader}: {'1 psycopg' if reader == used else 'none'}"
            for reader in (first, second)
        ),
        f"version {__version__}, patched: {', '.join(snapshot.patched)}",
        *(f"setting {name} = {each.value} ({each.source})" for name, each in settings.items()),
    ]
    for connection in held:
        connection.close()
    assert aurora_otel.snapshot().clusters[0].connections == 0


def test_right_after_a_failover_the_roles_are_new_and_nothing_is_stale(agent, cluster, connect):
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    before = by_id(aurora_otel.snapshot())
    switch = cluster.failover(Failover.SWITCHOVER)
    # No process has noticed yet.
    assert by_id(aurora_otel.snapshot()) == before
    refused_write(held[0])
    (after,) = aurora_otel.snapshot().clusters
    assert (after.writer, after.failovers, after.window_open) == (switch.new_writer, 1, False)
    assert after.connections == 0
    instances = by_id(aurora_otel.snapshot())
    assert next(iter(instances)) == switch.new_writer
    assert instances[switch.new_writer].role is Role.WRITER
    assert instances[switch.old_writer].role is Role.READER
    assert {instance.stale for instance in instances.values()} == {0}
    fresh = connect(cluster.dsn("writer"))
    assert sum(by_id(aurora_otel.snapshot())[switch.new_writer].connections.values()) == 1
    for connection in (*held, fresh):
        connection.close()


def test_in_observe_mode_it_shows_what_is_stale(start, cluster, connect, driver):
    agent = start(mode="observe")
    held = [connect(cluster.dsn("writer")) for _ in range(3)]
    switch = cluster.failover(Failover.SWITCHOVER)
    refused_write(held[0])
    old = by_id(aurora_otel.snapshot())[switch.old_writer]
    assert (dict(old.connections), old.stale) == ({driver: 3}, 3)
    assert f"  reader  {switch.old_writer}: 3 {driver}, 3 stale" in str(aurora_otel.snapshot())
    # And what the mode cleanup would have done.
    (found,) = aurora_otel.snapshot().clusters[0].invalidations
    assert found == InvalidationSnapshot(switch.old_writer, driver, "writer_changed", "observed", 3)
    line = f"  3 {driver} to {switch.old_writer} would have been closed: writer_changed"
    assert line in str(aurora_otel.snapshot()).splitlines()
    for connection in held:
        connection.close()
    eventually(lambda: agent.exported.metric("aurora.connection.stale") == 0)
    assert by_id(aurora_otel.snapshot())[switch.old_writer].stale == 0


def test_an_open_refresh_window_shows(start, cluster, connect):
    start(refresh_window=3)
    connection = connect(cluster.dsn("writer"))
    assert "window open" not in str(aurora_otel.snapshot())
    connection.cursor().execute("SET TRANSACTION READ ONLY")
    refused_write(connection)
    assert aurora_otel.snapshot().clusters[0].window_open
    assert "0 failovers, refresh window open" in str(aurora_otel.snapshot())
    eventually(lambda: not aurora_otel.snapshot().clusters[0].window_open)
    connection.close()
