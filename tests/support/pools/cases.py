"""The kinds of pools, and the drivers that each is tested with."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg_pool
import sqlalchemy
from sqlalchemy import pool as sqlalchemy_pools

from aurora_otel.lab import Cluster
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import DRIVERS, Descriptor
from tests.support.pools.async_libraries import (
    AsyncEngine,
    AsyncpgPool,
    AsyncPsycopgPool,
    AsyncStaticPool,
)
from tests.support.pools.async_mysql_libraries import ConnectorPool, MySQLPool
from tests.support.pools.libraries import (
    DIALECTS,
    SIZE,
    Django,
    MySQLConnectorPool,
    PersistentDBUnderTest,
    PooledDBUnderTest,
    PoolUnderTest,
    PsycopgPool,
    SQLAlchemyPool,
    StaticPool,
)


@dataclass(frozen=True)
class Kind:
    """A kind of pool.

    Attributes:
        name: of the kind.
        library: that it comes from.
        drivers: that it works with.
        open: opens one.
        idle: how many idle connections it holds; 0: it keeps none, or one for each thread.
        extra: drivers, by id, that are only used where everything is wanted: they add nothing.
    """

    name: str
    library: str
    drivers: tuple[str, ...]
    open: Callable[[Descriptor, Cluster], PoolUnderTest]
    idle: int = SIZE
    extra: tuple[str, ...] = ()


def _sqlalchemy(**options: Any) -> Callable[[Descriptor, Cluster], PoolUnderTest]:
    return lambda driver, cluster: SQLAlchemyPool(driver, cluster, **options)


# psycopg's dialect came with SQLAlchemy 2.
_ANY = tuple(
    name for name in DIALECTS if name != "psycopg" or not sqlalchemy.__version__.startswith("1.")
)
KINDS = (
    Kind("QueuePool", "sqlalchemy", _ANY, _sqlalchemy(pool_size=SIZE, max_overflow=0)),
    Kind(
        "QueuePool-pre-ping",
        "sqlalchemy",
        _ANY,
        _sqlalchemy(pool_size=SIZE, max_overflow=0, pool_pre_ping=True),
    ),
    Kind(
        "NullPool",
        "sqlalchemy",
        _ANY,
        _sqlalchemy(poolclass=sqlalchemy_pools.NullPool),
        idle=0,
    ),
    Kind("StaticPool", "sqlalchemy", _ANY, StaticPool, idle=1),
    Kind(
        "SingletonThreadPool",
        "sqlalchemy",
        _ANY,
        _sqlalchemy(poolclass=sqlalchemy_pools.SingletonThreadPool, pool_size=SIZE),
        idle=0,
    ),
    Kind("ConnectionPool", "psycopg_pool", ("psycopg",), PsycopgPool),
    Kind(
        "ConnectionPool-check",
        "psycopg_pool",
        ("psycopg",),
        lambda driver, cluster: PsycopgPool(
            driver, cluster, check=psycopg_pool.ConnectionPool.check_connection
        ),
    ),
    Kind(
        "NullConnectionPool",
        "psycopg_pool",
        ("psycopg",),
        lambda driver, cluster: PsycopgPool(driver, cluster, null=True),
        idle=0,
    ),
    Kind("Django", "django", ("psycopg", "mysqlclient"), Django, idle=0),
    Kind(
        "Django-pool",
        "django",
        ("psycopg",),
        lambda driver, cluster: Django(driver, cluster, pool=True),
        idle=0,
    ),
    Kind("MySQLConnectionPool", "mysql-connector", ("mysql-connector",), MySQLConnectorPool),
    Kind("PooledDB", "DBUtils", ("psycopg2", "pymysql"), PooledDBUnderTest),
    Kind("PersistentDB", "DBUtils", ("psycopg2", "pymysql"), PersistentDBUnderTest, idle=0),
)


def _async_engine(**options: Any) -> Callable[[Any, Cluster], PoolUnderTest]:
    return lambda driver, cluster: AsyncEngine(driver, cluster, **options)


# There is no dialect for mysql.connector.aio.
_ON_LOOPS = ("asyncpg", *(("psycopg",) if "psycopg" in _ANY else ()), "aiomysql", "asyncmy")
ASYNC_KINDS = (
    Kind("asyncpg.Pool", "asyncpg", ("asyncpg",), AsyncpgPool),
    Kind("aiomysql.Pool", "aiomysql", ("aiomysql",), MySQLPool),
    Kind("asyncmy.Pool", "asyncmy", ("asyncmy",), MySQLPool),
    Kind("aio.MySQLConnectionPool", "mysql-connector-aio", ("mysql-connector-aio",), ConnectorPool),
    Kind("AsyncConnectionPool", "psycopg_pool on a loop", ("psycopg",), AsyncPsycopgPool),
    Kind(
        "AsyncConnectionPool-check",
        "psycopg_pool on a loop",
        ("psycopg",),
        lambda driver, cluster: AsyncPsycopgPool(
            driver, cluster, check=psycopg_pool.AsyncConnectionPool.check_connection
        ),
    ),
    Kind(
        "AsyncNullConnectionPool",
        "psycopg_pool on a loop",
        ("psycopg",),
        lambda driver, cluster: AsyncPsycopgPool(driver, cluster, null=True),
        idle=0,
    ),
    Kind(
        "AsyncAdaptedQueuePool",
        "sqlalchemy on a loop",
        _ON_LOOPS,
        _async_engine(pool_size=SIZE, max_overflow=0),
        # Each driver and each loop is there once.
        extra=("asyncpg-uvloop", "psycopg-asyncio", "aiomysql-asyncio", "asyncmy-uvloop"),
    ),
    Kind(
        "AsyncAdaptedQueuePool-pre-ping",
        "sqlalchemy on a loop",
        _ON_LOOPS,
        _async_engine(pool_size=SIZE, max_overflow=0, pool_pre_ping=True),
    ),
    Kind(
        "NullPool on a loop",
        "sqlalchemy on a loop",
        _ON_LOOPS,
        _async_engine(poolclass=sqlalchemy_pools.NullPool),
        idle=0,
    ),
    Kind("StaticPool on a loop", "sqlalchemy on a loop", _ON_LOOPS, AsyncStaticPool, idle=1),
)


class Case(NamedTuple):
    """A kind of pool, and the driver that it connects with."""

    kind: Kind
    driver: Descriptor

    def __str__(self) -> str:
        return f"{self.kind.name}-{self.driver.id}"

    @property
    def units(self) -> int:
        """Return how many units of work to do: each idle connection is used several times."""
        return 1000 if EVERYTHING else 80


# `make test-pools`: every kind with every driver, and 1,000 units of work for each.
EVERYTHING = os.environ.get("TEST_POOLS", "") == "all"
# Every kind with the first driver that it works with, and the first kind of each library with all
# of them: beyond the connect, hardly a pool knows which driver it is.
FIRST = {
    "AsyncAdaptedQueuePool",
    "AsyncConnectionPool",
    "ConnectionPool",
    "Django",
    "MySQLConnectionPool",
    "PooledDB",
    "QueuePool",
    "aio.MySQLConnectionPool",
    "aiomysql.Pool",
    "asyncmy.Pool",
    "asyncpg.Pool",
}
CASES = tuple(
    Case(kind, driver)
    for kinds, drivers in ((KINDS, DRIVERS), (ASYNC_KINDS, ASYNC_DRIVERS))
    for kind in kinds
    for place, driver in enumerate(each for each in drivers if each.name in kind.drivers)
    if place == 0 or EVERYTHING or (kind.name in FIRST and driver.id not in kind.extra)
)


def fill(pool: PoolUnderTest, number: int) -> None:
    """Have `number` connections open at the same time, and all of them idle afterwards."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(pool.checkout())
