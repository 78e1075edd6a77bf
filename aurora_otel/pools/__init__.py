"""The pools that are patched, each in a file of its own behind `protocol.Pool`.

Nothing of a pool is imported before the application imports it.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple, cast

from aurora_otel.pools.protocol import Pool


class Registration(NamedTuple):
    """Where a pool's code is.

    Attributes:
        name: what it is called in the agent's messages.
        module: the module whose import by the application brings the pool in.
        file: our module with a class `Adapter` for it.
    """

    name: str
    module: str
    file: str

    def load(self) -> Pool:
        """Import our side of the pool, and with it the pool itself."""
        return cast("Pool", import_module(self.file).Adapter())


REGISTRY = (
    Registration("sqlalchemy", "sqlalchemy", "aurora_otel.pools.sqlalchemy"),
    Registration("psycopg_pool", "psycopg_pool", "aurora_otel.pools.psycopg_pool"),
    Registration("asyncpg's pool", "asyncpg.pool", "aurora_otel.pools.asyncpg"),
    Registration("aiomysql's pool", "aiomysql.pool", "aurora_otel.pools.aiomysql"),
    Registration("asyncmy's pool", "asyncmy.pool", "aurora_otel.pools.asyncmy"),
    Registration("django", "django.db.backends.base.base", "aurora_otel.pools.django"),
    Registration(
        "mysql-connector's pool", "mysql.connector.pooling", "aurora_otel.pools.mysql_connector"
    ),
    Registration(
        "mysql-connector's pool for event loops",
        "mysql.connector.aio.pooling",
        "aurora_otel.pools.mysql_connector_aio",
    ),
    Registration("DBUtils", "dbutils.steady_db", "aurora_otel.pools.dbutils"),
    Registration("DBUtils' PooledDB", "dbutils.pooled_db", "aurora_otel.pools.dbutils"),
)

__all__ = ["REGISTRY", "Pool", "Registration"]
