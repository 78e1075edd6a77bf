"""Servers that the suites may do anything with: the writers of the lab's clusters."""

from __future__ import annotations

from typing import NamedTuple

from aurora_otel.lab import Cluster

USER = "postgres"
PASSWORD = "pw"
_POSTGRESQL = (
    f"CREATE ROLE {USER} SUPERUSER LOGIN PASSWORD '{PASSWORD}'",
    f"CREATE DATABASE compat OWNER {USER}",
)


class Place(NamedTuple):
    """Where a suite finds its server."""

    host: str
    port: int
    database: str


def prepare(cluster: Cluster, engine: str) -> Place:
    """Make the account and the databases that suites expect; return where they are."""
    for statement in _POSTGRESQL:
        cluster.execute(cluster.writer, statement)
    return Place(*cluster.address(cluster.writer), "compat")
