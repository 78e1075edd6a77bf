"""`docs/adding-a-source.md`: what its example says is all that it takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from aurora_otel.lab import Cluster, Failover
from tests.support.extending import ROOT, Extension, running
from tests.support.labs import create_table
from tests.support.waiting import eventually

SOURCE = Extension("adding-a-source.md", "discovery/member_table.py")
AURORA = ("aurora_version", "aurora_db_instance_identifier", "aurora_replica_status")
SCHEMA = (
    "CREATE SCHEMA ha",
    "CREATE TABLE ha.member (name text, is_writer boolean)",
    *(
        f"SET allow_system_table_mods = on; DROP FUNCTION pg_catalog.{function}()"
        for function in AURORA
    ),
)
GRANT = "GRANT USAGE ON SCHEMA ha TO app; GRANT SELECT ON ha.member TO app"
REVOKE = "REVOKE USAGE ON SCHEMA ha FROM app"


@pytest.fixture(scope="module")
def with_source(tmp_path_factory) -> Path:
    """A copy of the package, with the file and the line."""
    return SOURCE.copy_into(tmp_path_factory.mktemp("with_source"))


@pytest.fixture(scope="module")
def lab() -> Iterator[Cluster]:
    """Three PostgreSQL servers that are no Aurora, and a table of their names."""
    with Cluster("plain") as cluster:
        create_table(cluster)
        for statement in SCHEMA:
            cluster.execute(cluster.writer, statement)
        for instance in cluster.instances:
            cluster.execute(cluster.writer, "INSERT INTO ha.member VALUES (%s, false)", instance)
        yield cluster


@pytest.fixture
def cluster(cluster: Cluster) -> Cluster:
    """The servers, with the table right and readable."""
    cluster.execute(cluster.writer, GRANT)
    list_writer(cluster)
    return cluster


def list_writer(cluster: Cluster) -> None:
    statement = "UPDATE ha.member SET is_writer = (name = current_setting('cluster_name'))"
    cluster.execute(cluster.writer, statement)


def errors(cluster: Cluster, instance: str) -> int:
    return cluster.log(instance).read_text().count("ERROR:")


def through_a_switch(cluster: Cluster, path: Path):
    """Run the application through a switch; return what it reported before and after."""
    host, _ = cluster.address("writer")
    settings = {
        "instance_endpoints": cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"],
        "writer_endpoints": host,
        "identify_timeout": 20,
    }
    arguments = cluster.dsn("writer", host=host), json.dumps(settings)
    with running(path, "source_application.py", *arguments) as reports:
        before = next(reports)
        switch = cluster.failover(Failover.SWITCHOVER)
        list_writer(cluster)
        after = next(reports)
    assert before["agent"] == str(path / "aurora_otel" / "__init__.py")
    assert (before["failures"], after["failures"]) == ({}, {})
    return switch, before, after


def test_one_file_and_one_line_take_another_kind_of_cluster_through_a_switch(cluster, with_source):
    switch, before, after = through_a_switch(cluster, with_source)
    assert before["tracked"] == {switch.old_writer: 3}
    assert before["writers"] == [switch.old_writer]
    assert after["refused"][0] == "25006"
    assert "25006" not in after["refused"][1:]
    assert len(after["refused"]) == 3
    assert after["tracked"] == {switch.new_writer: 1}
    assert after["writers"] == [switch.new_writer]
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)


def test_without_them_the_same_servers_are_known_by_their_addresses_alone(cluster):
    switch, before, after = through_a_switch(cluster, ROOT)
    old, new = (
        ":".join(map(str, cluster.plain_address(each)))
        for each in (switch.old_writer, switch.new_writer)
    )
    # PostgreSQL with standbys.
    assert before["tracked"] == {old: 3}
    assert (before["writers"], after["writers"]) == ([old], [new])
    assert after["tracked"] == {new: 1}
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)


def test_a_login_that_may_not_use_the_schema_is_identified_without_an_error(cluster, with_source):
    cluster.execute(cluster.writer, REVOKE)
    with psycopg.connect(cluster.dsn("writer"), autocommit=True) as connection:
        before = errors(cluster, cluster.writer)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT to_regclass('ha.member')")
        assert errors(cluster, cluster.writer) == before + 1
    before = {instance: errors(cluster, instance) for instance in cluster.instances}
    switch, started, ended = through_a_switch(cluster, with_source)
    assert started["tracked"] == {switch.old_writer: 3}
    # The writes that were refused are the application's own.
    before[switch.old_writer] += ended["refused"].count("25006")
    assert {instance: errors(cluster, instance) for instance in cluster.instances} == before
