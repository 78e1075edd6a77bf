"""What an application does with the pools of each library."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import psycopg_pool
import sqlalchemy
from dbutils.persistent_db import PersistentDB
from dbutils.pooled_db import PooledDB
from django.conf import settings
from django.db.utils import ConnectionHandler
from mysql.connector.pooling import MySQLConnectionPool
from sqlalchemy import pool as sqlalchemy_pools

from aurora_otel.lab import Cluster
from tests.support.drivers.descriptors import Descriptor

SIZE = 20
_numbers = itertools.count()
WRITE = "INSERT INTO writes (x) VALUES ('pools')"
DIALECTS = {
    "psycopg": "postgresql+psycopg",
    "psycopg2": "postgresql+psycopg2",
    "pg8000": "postgresql+pg8000",
    "pymysql": "mysql+pymysql",
    "mysqlclient": "mysql+mysqldb",
    "mysql-connector": "mysql+mysqlconnector",
    "mariadb": "mariadb+mariadbconnector",
}


class PoolUnderTest(Protocol):
    """A pool as an application uses it."""

    def checkout(self) -> AbstractContextManager[Any]:
        """Hold one connection; yield what `run` takes."""

    def write(self) -> None:
        """Do one unit of work: check out, write, commit, return."""

    def leave(self) -> None:
        """End a thread that has used the pool."""

    def size(self) -> int | None:
        """Return how many connections the pool has by its own count, if it counts them."""

    def statistics(self) -> Mapping[str, Any]:
        """Return the pool's own statistics, without times."""

    def close(self) -> None:
        """Close the pool."""


class SQLAlchemyPool:
    """An engine on one of SQLAlchemy's pools."""

    def __init__(self, driver: Descriptor, cluster: Cluster, **options: Any) -> None:
        self.opened = 0

        def connect() -> Any:
            self.opened += 1
            return driver.connect(cluster)

        url = f"{DIALECTS[driver.name]}://"
        self.engine = sqlalchemy.create_engine(url, creator=connect, **options)

    @contextlib.contextmanager
    def checkout(self) -> Iterator[Any]:
        with self.engine.connect() as connection:
            yield connection

    def write(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(sqlalchemy.text(WRITE))

    def leave(self) -> None:
        """It has nothing of its own."""

    def size(self) -> int | None:
        pool: Any = self.engine.pool
        if not isinstance(pool, sqlalchemy_pools.QueuePool):
            return None
        return pool.checkedin() + pool.checkedout()

    def statistics(self) -> Mapping[str, Any]:
        status = self.engine.pool.status()
        # Some show where they are in memory.
        return {"status": status.partition(" id:")[0], "opened": self.opened}

    def close(self) -> None:
        self.engine.dispose()


class StaticPool(SQLAlchemyPool):
    """One connection for all threads: the application lets one at a time use it."""

    def __init__(self, driver: Descriptor, cluster: Cluster) -> None:
        super().__init__(driver, cluster, poolclass=sqlalchemy_pools.StaticPool)
        self._one_at_a_time = threading.Lock()

    def write(self) -> None:
        with self._one_at_a_time:
            super().write()


class PsycopgPool:
    """One of psycopg_pool's."""

    def __init__(self, driver: Descriptor, cluster: Cluster, **options: Any) -> None:
        null = options.pop("null", False)
        cls = psycopg_pool.NullConnectionPool if null else psycopg_pool.ConnectionPool
        sizes = {"min_size": 0 if null else SIZE, "max_size": SIZE}
        self.pool: Any = cls(cluster.dsn(), open=True, **{**sizes, **options})
        self.pool.wait(15)

    @contextlib.contextmanager
    def checkout(self) -> Iterator[Any]:
        with self.pool.connection() as connection:
            yield connection

    def write(self) -> None:
        with self.pool.connection() as connection:
            connection.execute(WRITE)

    def leave(self) -> None:
        """It has nothing of its own."""

    def size(self) -> int:
        return self.pool.get_stats()["pool_size"]

    def statistics(self) -> Mapping[str, Any]:
        return {
            name: value for name, value in self.pool.get_stats().items() if not name.endswith("_ms")
        }

    def close(self) -> None:
        self.pool.close()


class Django:
    """Django's persistent connections, each thread's own, or its psycopg pool."""

    def __init__(self, driver: Descriptor, cluster: Cluster, *, pool: bool = False) -> None:
        if not settings.configured:
            settings.configure(USE_TZ=False)
        self._has_pool = pool
        # Pools are kept by alias, in the process.
        self._alias = f"database-{next(_numbers)}"
        ip, port = cluster.address("writer")
        options = (
            {"sslmode": "disable", "hostaddr": ip} if driver.engine.name == "postgresql" else {}
        )
        if pool:
            options["pool"] = {"min_size": SIZE, "max_size": SIZE}
        self.connections = ConnectionHandler(
            {
                "default": {},
                self._alias: {
                    "ENGINE": f"django.db.backends.{driver.engine.name}",
                    "HOST": cluster.host("writer") if "hostaddr" in options else ip,
                    "PORT": str(port),
                    "NAME": cluster.database,
                    "USER": cluster.user,
                    "PASSWORD": cluster.password,
                    "CONN_MAX_AGE": 0 if pool else None,
                    "OPTIONS": options,
                },
            }
        )
        if pool:
            self._request().pool.open(wait=True)

    @contextlib.contextmanager
    def checkout(self) -> Iterator[Any]:
        wrapper = self._request()
        yield wrapper
        self._request()

    def write(self) -> None:
        # As the signals at the beginning and the end of a request do.
        wrapper = self._request()
        try:
            with wrapper.cursor() as cursor:
                cursor.execute(WRITE)
        finally:
            self._request()

    def leave(self) -> None:
        self.connections[self._alias].close()

    def size(self) -> int | None:
        return None

    def statistics(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        wrapper: Any = self.connections[self._alias]
        wrapper.close()
        if self._has_pool:
            wrapper.close_pool()

    def _request(self) -> Any:
        wrapper = self.connections[self._alias]
        wrapper.close_if_unusable_or_obsolete()
        return wrapper


class DBAPIPool:
    """A pool that hands out connections of the DB-API."""

    def __init__(self, pool: Any, take: Callable[[], Any]) -> None:
        self.pool = pool
        self._take = take

    @contextlib.contextmanager
    def checkout(self) -> Iterator[Any]:
        connection = self._take()
        try:
            yield connection
        finally:
            connection.close()

    def write(self) -> None:
        with self.checkout() as connection:
            connection.cursor().execute(WRITE)
            connection.commit()

    def leave(self) -> None:
        """It has nothing of its own."""

    def size(self) -> int | None:
        return None

    def statistics(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        self.pool.close()


class PooledDBUnderTest(DBAPIPool):
    """DBUtils' pool for all threads."""

    def __init__(self, driver: Descriptor, cluster: Cluster) -> None:
        pool = PooledDB(driver.dbapi, maxconnections=SIZE, blocking=True, **driver.login(cluster))
        super().__init__(pool, pool.connection)

    def size(self) -> int:
        return len(self.pool._idle_cache) + self.pool._connections


class PersistentDBUnderTest(DBAPIPool):
    """DBUtils' connections of one thread each."""

    def __init__(self, driver: Descriptor, cluster: Cluster) -> None:
        pool = PersistentDB(driver.dbapi, **driver.login(cluster))
        super().__init__(pool, pool.connection)

    def leave(self) -> None:
        self.pool.thread.connection._close()

    def close(self) -> None:
        """Each thread has closed its own."""


class MySQLConnectorPool(DBAPIPool):
    """mysql-connector's pool; who finds it empty tries again."""

    def __init__(self, driver: Descriptor, cluster: Cluster) -> None:
        pool = MySQLConnectionPool(pool_size=SIZE, pool_name="orders", **driver.login(cluster))
        super().__init__(pool, pool.get_connection)

    def size(self) -> int:
        return self.pool._cnx_queue.qsize()

    def close(self) -> None:
        self.pool._remove_connections()
