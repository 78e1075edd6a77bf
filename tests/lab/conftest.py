"""One cluster for all tests of the lab, put right before each of them."""

import time

import psycopg
import pytest

from aurora_otel.lab import Cluster


@pytest.fixture(scope="session")
def shared_cluster():
    with Cluster("lab") as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster):
    shared_cluster.heal()
    return shared_cluster


@pytest.fixture
def connect(cluster):
    """Opens connections that are closed after the test; `connect("writer", connect_timeout=3)`."""
    opened = []

    def connect(target="writer", of=cluster, **params):
        connection = psycopg.connect(of.dsn(target, **params), autocommit=True)
        opened.append(connection)
        return connection

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def eventually():
    """Waits until a condition holds, and fails if it does not within a deadline."""

    def eventually(condition, within=15.0):
        deadline = time.monotonic() + within
        while not (result := condition()):
            assert time.monotonic() < deadline, "did not happen in time"
            time.sleep(0.01)
        return result

    return eventually


def _instance(connection):
    return connection.execute("SELECT aurora_db_instance_identifier()").fetchone()[0]


@pytest.fixture
def instance():
    """Returns the instance that a connection landed on."""
    return _instance


@pytest.fixture
def role():
    """Returns what an instance says about itself on a connection."""

    def role(connection):
        (replica,) = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        return "reader" if replica else "writer"

    return role


@pytest.fixture
def named_writer():
    """Returns whom a view of the topology names as the writer, asked on a connection."""

    def named_writer(connection):
        rows = connection.execute(
            "SELECT server_id FROM aurora_replica_status() WHERE session_id = 'MASTER_SESSION_ID'"
        ).fetchall()
        return [name for (name,) in rows]

    return named_writer
