"""What an application does with the pools of libraries for event loops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any

import asyncpg
import psycopg_pool
import sqlalchemy
from sqlalchemy import pool as sqlalchemy_pools
from sqlalchemy.ext.asyncio import create_async_engine

from aurora_otel.lab import Cluster
from tests.support.drivers import awaited
from tests.support.drivers.async_descriptors import AsyncDescriptor
from tests.support.pools import libraries
from tests.support.pools.libraries import SIZE


class AsyncPool:
    """A pool on a loop: each thread of the test is a task there.

    Args:
        driver: that it connects with.
    """

    pool: Any

    def __init__(self, driver: AsyncDescriptor) -> None:
        self.loop = awaited.loop(driver.loop)

    @contextlib.contextmanager
    def checkout(self) -> Iterator[Any]:
        connection = self.loop.run(self.take())
        try:
            yield connection
        finally:
            self.loop.run(self.give_back(connection))

    def write(self) -> None:
        self.loop.run(self.unit())

    def leave(self) -> None:
        """It has nothing of its own."""

    def statistics(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        self.loop.run(self.pool.close())

    def take(self) -> Coroutine[Any, Any, Any]:
        raise NotImplementedError

    def give_back(self, connection: Any) -> Coroutine[Any, Any, None]:
        raise NotImplementedError

    async def unit(self) -> None:
        raise NotImplementedError


class AsyncpgPool(AsyncPool):
    """asyncpg's."""

    def __init__(self, driver: AsyncDescriptor, cluster: Cluster) -> None:
        super().__init__(driver)
        login = driver.login(cluster)

        async def create() -> Any:
            return await asyncpg.create_pool(**login, min_size=SIZE, max_size=SIZE)

        self.pool = self.loop.run(create())

    def size(self) -> int:
        return self.pool.get_size()

    def statistics(self) -> Mapping[str, Any]:
        return {"size": self.pool.get_size(), "idle": self.pool.get_idle_size()}

    async def take(self) -> Any:
        return await self.pool.acquire()

    async def give_back(self, connection: Any) -> None:
        await self.pool.release(connection)

    async def unit(self) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(libraries.WRITE)


class AsyncPsycopgPool(AsyncPool):
    """One of psycopg_pool's."""

    def __init__(
        self, driver: AsyncDescriptor, cluster: Cluster, *, null: bool = False, **options: Any
    ) -> None:
        super().__init__(driver)
        cls = psycopg_pool.AsyncNullConnectionPool if null else psycopg_pool.AsyncConnectionPool
        sizes = {"min_size": 0 if null else SIZE, "max_size": SIZE}

        async def create() -> Any:
            pool = cls(cluster.dsn(), open=False, **sizes, **options)
            await pool.open(wait=True, timeout=15)
            return pool

        self.pool = self.loop.run(create())

    def size(self) -> int:
        return self.pool.get_stats()["pool_size"]

    def statistics(self) -> Mapping[str, Any]:
        return {
            name: value for name, value in self.pool.get_stats().items() if not name.endswith("_ms")
        }

    async def take(self) -> Any:
        return await self.pool.getconn()

    async def give_back(self, connection: Any) -> None:
        await self.pool.putconn(connection)

    async def unit(self) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(libraries.WRITE)


class AsyncEngine(AsyncPool):
    """One of SQLAlchemy's."""

    def __init__(self, driver: AsyncDescriptor, cluster: Cluster, **options: Any) -> None:
        super().__init__(driver)
        self.opened = 0
        login = driver.login(cluster)

        async def connect() -> Any:
            self.opened += 1
            return await driver.connect_by(**login)

        url = f"{driver.engine.name}+{driver.name}://"
        self.engine = create_async_engine(url, async_creator=connect, **options)

    def size(self) -> int | None:
        pool: Any = self.engine.pool
        if not isinstance(pool, sqlalchemy_pools.QueuePool):
            return None
        return pool.checkedin() + pool.checkedout()

    def statistics(self) -> Mapping[str, Any]:
        # Some show where they are in memory.
        return {"status": self.engine.pool.status().partition(" id:")[0], "opened": self.opened}

    def close(self) -> None:
        self.loop.run(self.engine.dispose())

    async def take(self) -> Any:
        return await self.engine.connect()

    async def give_back(self, connection: Any) -> None:
        await connection.close()

    async def unit(self) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(sqlalchemy.text(libraries.WRITE))


class AsyncStaticPool(AsyncEngine):
    """One connection for all tasks: the application lets one at a time use it."""

    def __init__(self, driver: AsyncDescriptor, cluster: Cluster) -> None:
        super().__init__(driver, cluster, poolclass=sqlalchemy_pools.StaticPool)
        self._one_at_a_time = asyncio.Lock()

    async def unit(self) -> None:
        async with self._one_at_a_time:
            await super().unit()
