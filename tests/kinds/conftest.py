"""What the tests of every kind of cluster need."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

import aurora_otel
from aurora_otel.discovery.servers import Servers
from aurora_otel.lab import Cluster
from tests.support.labs import create_table
from tests.support.sql import run

# Which instance a connection is served by.
_SERVING = {"postgresql": "SELECT current_setting('cluster_name')", "mysql": "SELECT @@report_host"}


def prepared(kind: str, **arguments: str) -> Iterator[Cluster]:
    """Yield a running cluster of a kind, with a table `writes`, whose statements are logged."""
    with Cluster("lab", kind=kind, **arguments) as cluster:
        create_table(cluster)
        if cluster.engine == "postgresql":
            cluster.execute(cluster.writer, "ALTER DATABASE app SET log_statement = 'all'")
        else:
            cluster.execute(cluster.writer, "GRANT FILE ON *.* TO app")
        yield cluster


@pytest.fixture(scope="package")
def multi_az() -> Iterator[Cluster]:
    """An RDS Multi-AZ DB cluster."""
    yield from prepared("multi-az")


@pytest.fixture(scope="package")
def plain() -> Iterator[Cluster]:
    """A PostgreSQL with standbys, behind services."""
    yield from prepared("plain")


@pytest.fixture(scope="package")
def plain_mysql() -> Iterator[Cluster]:
    """A MariaDB with replicas, behind services."""
    yield from prepared("plain", engine="mysql")


@pytest.fixture(scope="package")
def multi_az_mysql() -> Iterator[Cluster]:
    """An RDS Multi-AZ DB cluster of MySQL."""
    yield from prepared("multi-az", engine="mysql")


@pytest.fixture(scope="package")
def single() -> Iterator[Cluster]:
    """An RDS instance of PostgreSQL whose name moves to its standby's address."""
    yield from prepared("single")


@pytest.fixture(scope="package")
def single_mysql() -> Iterator[Cluster]:
    """An RDS instance of MySQL whose name moves to its standby's address."""
    yield from prepared("single", engine="mysql")


def logged(cluster: Cluster, words: str) -> int:
    """Return how often all servers have logged `words`."""
    return sum(cluster.log(each).read_text().count(words) for each in cluster.instances)


def kinds() -> set[str]:
    """Return the kinds of the clusters that the agent knows."""
    return {each.kind for each in aurora_otel.snapshot().clusters}


def serving(cluster: Cluster, connection: Any) -> str:
    """Return the instance that serves a connection."""
    ((instance,),) = run(connection, _SERVING[cluster.engine])
    connection.rollback()
    return instance


@contextlib.contextmanager
def too_slow() -> Iterator[None]:
    """Have no server asked who it is, as where each has been slow."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Servers, "admits", lambda *_: False)
        patched.setattr(Servers, "may_ask", lambda *_, **__: False)
        yield
