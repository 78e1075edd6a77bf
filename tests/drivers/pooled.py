"""Where a writing thread has its connections from: the driver itself, or a pool of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg_pool
import sqlalchemy

from tests.support.drivers.descriptors import Descriptor
from tests.support.pools.libraries import DIALECTS


class Source:
    """Connections of one kind.

    Attributes:
        connect: returns one.
        give_back: takes one back.
        end: to be called at the end.
    """

    def __init__(self, driver: Descriptor, arguments: Mapping[str, Any], pool: str | None) -> None:
        self.connect: Callable[[], Any] = lambda: driver.open(arguments)
        self.give_back: Callable[[Any], object] = lambda connection: connection.close()
        self.end: Callable[[], object] = lambda: None
        if pool == "sqlalchemy":
            engine = sqlalchemy.create_engine(
                f"{DIALECTS[driver.name]}://", creator=self.connect, pool_size=1, max_overflow=0
            )
            self.connect, self.end = engine.raw_connection, engine.dispose
        elif pool == "psycopg_pool":
            kept: Any = psycopg_pool.ConnectionPool(
                kwargs=dict(arguments), min_size=1, max_size=1, timeout=60, open=True
            )
            self.connect, self.give_back, self.end = kept.getconn, kept.putconn, kept.close
