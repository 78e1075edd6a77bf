"""The drivers that are patched, each a file or a package behind `protocol.Driver`.

A package has `adapter` (the `Driver`: where to hook), `session` (how a connection is asked and
dropped, below every patch), `calls` (which are watched, and how they fail) and `monitor` (the
agent's own connections); `base` and `common` have what drivers share. See `docs/drivers.md`.

Nothing of a driver is imported before the application imports it.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple, cast

from aurora_otel.drivers.protocol import Driver


class Registration(NamedTuple):
    """Where a driver's code is.

    Attributes:
        name: `aurora.driver`, and the name in the setting `DRIVERS`.
        module: the module whose import by the application brings the driver in.
        file: our module with a class `Adapter` for it.
        connection: the class of its connections, in `module`; `None` where only the thread that
            uses a connection may ask whether it is open.
    """

    name: str
    module: str
    file: str
    connection: str | None

    def load(self) -> Driver:
        """Import our side of the driver, and with it the driver itself."""
        return cast("Driver", import_module(self.file).Adapter())


REGISTRY = (
    Registration("psycopg", "psycopg", "aurora_otel.drivers.psycopg", "BaseConnection"),
    Registration("psycopg2", "psycopg2", "aurora_otel.drivers.psycopg2", "extensions.connection"),
    Registration("pymysql", "pymysql", "aurora_otel.drivers.pymysql", "connections.Connection"),
    Registration(
        "mysqlclient", "MySQLdb", "aurora_otel.drivers.mysqlclient", "connections.Connection"
    ),
    Registration(
        "mysql-connector",
        "mysql.connector",
        "aurora_otel.drivers.mysql_connector",
        "abstracts.MySQLConnectionAbstract",
    ),
    Registration("mariadb", "mariadb", "aurora_otel.drivers.mariadb", None),
    Registration("pg8000", "pg8000", "aurora_otel.drivers.pg8000", "core.CoreConnection"),
    Registration("asyncpg", "asyncpg", "aurora_otel.drivers.asyncpg", "connection.Connection"),
    Registration("aiomysql", "aiomysql", "aurora_otel.drivers.aiomysql", "connection.Connection"),
    Registration("asyncmy", "asyncmy", "aurora_otel.drivers.asyncmy", "connection.Connection"),
    Registration(
        "mysql-connector-aio",
        "mysql.connector.aio",
        "aurora_otel.drivers.mysql_connector_aio",
        "connection.MySQLConnection",
    ),
)
NAMES = tuple(registration.name for registration in REGISTRY)

__all__ = ["NAMES", "REGISTRY", "Driver", "Registration"]
