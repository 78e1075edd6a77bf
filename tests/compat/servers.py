"""Servers that the suites may do anything with: the writers of the lab's clusters."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg

from aurora_otel.lab import Cluster
from aurora_otel.lab.postgres_installation import PROGRAMS

USER = "postgres"
PASSWORD = "pw"  # pg8000's suite has both built in
# SQLAlchemy's suite wants them.
_SCHEMAS = ("test_schema", "test_schema_2")
_POSTGRESQL = (
    f"CREATE ROLE {USER} SUPERUSER LOGIN PASSWORD '{PASSWORD}'",
    f"CREATE DATABASE compat OWNER {USER}",
)
_MYSQL = (
    f"CREATE USER {USER} IDENTIFIED BY '{PASSWORD}'",
    f"GRANT ALL ON *.* TO {USER} WITH GRANT OPTION",
    "CREATE DATABASE compat CHARACTER SET utf8mb4",
    *(f"CREATE DATABASE {name} CHARACTER SET utf8mb4" for name in _SCHEMAS),
)


class Place(NamedTuple):
    """Where a suite finds its server, and what makes the agent know it."""

    host: str
    port: int
    database: str
    environment: dict[str, str]


@contextlib.contextmanager
def prepared(engine: str) -> Iterator[Place]:
    """Start a cluster with the account and the databases that suites expect."""
    if engine == "postgresql":
        os.environ.setdefault(PROGRAMS, str(_with_extensions()))
    with Cluster("compat", engine=engine) as cluster:
        for statement in _POSTGRESQL if engine == "postgresql" else _MYSQL:
            cluster.execute(cluster.writer, statement)
        host, port = cluster.address(cluster.writer)
        place = Place(host, port, "compat", cluster.environment())
        if engine == "postgresql":
            _make_schemas(place)
        yield place


def _make_schemas(place: Place) -> None:
    login = {"host": place.host, "port": place.port, "user": USER, "password": PASSWORD}
    with psycopg.connect(**login, dbname=place.database) as connection:
        for name in _SCHEMAS:
            connection.execute(f"CREATE SCHEMA {name}")


def _with_extensions() -> Path:
    """Return the programs of a PostgreSQL that has citext and hstore, which SQLAlchemy wants."""
    for place in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        extensions = Path("/usr/share/postgresql", place.parent.name, "extension")
        if (place / "postgres").exists() and (extensions / "citext.control").exists():
            return place
    raise SystemExit(
        "the suites need a PostgreSQL with its contributed extensions: on Debian and Ubuntu,"
        f" apt-get install postgresql; elsewhere name its programs in {PROGRAMS}"
    )
