"""What an application does with the pools of MySQL's drivers for event loops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiomysql
import asyncmy
from mysql.connector.aio.pooling import MySQLConnectionPool

from aurora_otel.lab import Cluster
from tests.support.drivers.async_descriptors import AsyncDescriptor
from tests.support.pools import libraries
from tests.support.pools.async_libraries import AsyncPool
from tests.support.pools.libraries import SIZE


class MySQLPool(AsyncPool):
    """aiomysql's or asyncmy's, whose pool has come from the first."""

    def __init__(
        self, driver: AsyncDescriptor, cluster: Cluster, *, minsize: int = SIZE, maxsize: int = SIZE
    ) -> None:
        super().__init__(driver)
        login = driver.login(cluster)

        async def create() -> Any:
            library = {"aiomysql": aiomysql, "asyncmy": asyncmy}[driver.name]
            return await library.create_pool(minsize=minsize, maxsize=maxsize, **login)

        self.pool = self.loop.run(create())

    def size(self) -> int:
        return self.pool.size

    def statistics(self) -> Mapping[str, Any]:
        return {"size": self.pool.size, "idle": self.pool.freesize}

    def close(self) -> None:
        self.pool.close()
        self.loop.run(self.pool.wait_closed())

    async def take(self) -> Any:
        return await self.pool.acquire()

    async def give_back(self, connection: Any) -> None:
        await self.pool.release(connection)

    async def unit(self) -> None:
        async with self.pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(libraries.WRITE)
            await connection.commit()


class ConnectorPool(AsyncPool):
    """That of `mysql.connector.aio`."""

    def __init__(self, driver: AsyncDescriptor, cluster: Cluster) -> None:
        super().__init__(driver)
        login = driver.login(cluster)

        async def create() -> Any:
            pool = MySQLConnectionPool(pool_size=SIZE, pool_name="orders", **login)
            await pool.initialize_pool()
            return pool

        self.pool = self.loop.run(create())

    def size(self) -> int:
        return self.pool._cnx_queue.qsize()

    def close(self) -> None:
        self.loop.run(self.pool.close_pool())

    async def take(self) -> Any:
        return await self.pool.get_connection()

    async def give_back(self, connection: Any) -> None:
        await connection.close()

    async def unit(self) -> None:
        async with await self.pool.get_connection() as connection:
            async with await connection.cursor() as cursor:
                await cursor.execute(libraries.WRITE)
            await connection.commit()
