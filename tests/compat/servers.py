"""Servers that the suites may do anything with: the writers of the lab's clusters."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg

from aurora_otel.lab import Cluster
from aurora_otel.lab.mysql_wire import COM_QUERY, packet
from aurora_otel.lab.postgres_installation import PROGRAMS
from tests.compat import sources
from tests.support.tls import EncryptedMySQL

USER = "postgres"
PASSWORD = "pw"  # pg8000's suite has both built in
_VERSION = "SELECT VERSION()"
_WHICH_TLS = b"SHOW STATUS LIKE 'Ssl_version%'"
# SQLAlchemy's suite wants them.
_SCHEMAS = ("test_schema", "test_schema_2")
_POSTGRESQL = (
    f"CREATE ROLE {USER} SUPERUSER LOGIN PASSWORD '{PASSWORD}'",
    f"CREATE DATABASE compat OWNER {USER}",
)
_MYSQL = (
    f"CREATE USER {USER} IDENTIFIED BY '{PASSWORD}'",
    f"GRANT ALL ON *.* TO {USER} WITH GRANT OPTION",
    # aiomysql's suite has this one built in.
    f"CREATE OR REPLACE USER root@'%' IDENTIFIED BY '{PASSWORD}'",
    "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION",
    "CREATE DATABASE compat CHARACTER SET utf8mb4",
    *(f"CREATE DATABASE {name} CHARACTER SET utf8mb4" for name in _SCHEMAS),
)


class Place(NamedTuple):
    """Where a suite finds its server: the writer endpoint of a cluster.

    Attributes:
        version: the server's.
        host: the endpoint's address.
        port: its port.
        database: the one to use.
        environment: what makes the agent know the cluster. It is no instance endpoint: the agent
            asks on every new connection which instance it has reached.
        encrypted: where the same server speaks TLS, on MySQL.
        certificate: what the server shows there.
    """

    version: str
    host: str
    port: int
    database: str
    environment: dict[str, str]
    encrypted: str = ""
    certificate: str = ""


@contextlib.contextmanager
def prepared(engine: str) -> Iterator[Place]:
    """Start a cluster with the account and the databases that suites expect."""
    if engine == "postgresql":
        os.environ.setdefault(PROGRAMS, str(_with_extensions()))
    # One instance: nothing fails over here, and readers would only take time.
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(Cluster("compat", engine=engine, instances=["compat-1"]))
        for statement in _POSTGRESQL if engine == "postgresql" else _MYSQL:
            cluster.execute(cluster.writer, statement)
        ((version,),) = cluster.execute(cluster.writer, _VERSION)
        host, port = cluster.address("writer")
        writers = f"{host}:{port}"
        environment = {**cluster.environment(), "AURORA_OTEL_WRITER_ENDPOINTS": writers}
        place = Place(_short(version), host, port, "compat", environment)
        if engine == "postgresql":
            _furnish(place)
        else:
            place = stack.enter_context(_encrypted(place))
        yield place


class _EncryptedMySQL(EncryptedMySQL):
    """Answers in the server's place which TLS is spoken: the server does not know."""

    def _requested(self, data: bytes, client: ssl.SSLSocket) -> bytes:
        if _WHICH_TLS not in data:
            return data
        statement = f"SELECT 'Ssl_version' AS Variable_name, '{client.version()}' AS Value"
        return packet(0, bytes([COM_QUERY]) + statement.encode())


@contextlib.contextmanager
def _encrypted(place: Place) -> Iterator[Place]:
    """Have a server of MySQL's reached by TLS, too."""
    # In a fresh clone, no suite has been fetched yet.
    sources.PLACE.mkdir(exist_ok=True)
    server = _EncryptedMySQL((place.host, place.port), sources.PLACE)
    with server.running():
        encrypted = "{}:{}".format(*server.address)
        writers = f"{place.host}:{place.port},{encrypted}"
        yield place._replace(
            environment=place.environment | {"AURORA_OTEL_WRITER_ENDPOINTS": writers},
            encrypted=encrypted,
            certificate=server.file.read_text(),
        )


def _furnish(place: Place) -> None:
    """Make what suites expect to find in PostgreSQL's databases."""
    login = {"host": place.host, "port": place.port, "user": USER, "password": PASSWORD}
    with psycopg.connect(**login, dbname=place.database) as connection:
        for name in _SCHEMAS:
            connection.execute(f"CREATE SCHEMA {name}")
    with psycopg.connect(**login, dbname=USER) as connection:
        connection.execute("CREATE EXTENSION hstore")


def _short(version: str) -> str:
    """Return `PostgreSQL 15.18` or `MariaDB 10.11.19` from the version that a server reports."""
    if version.startswith("PostgreSQL"):
        return " ".join(version.split()[:2])
    return f"MariaDB {version.split('-', maxsplit=1)[0]}"


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
