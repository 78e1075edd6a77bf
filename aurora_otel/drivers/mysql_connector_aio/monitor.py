"""The agent's own connections by `mysql.connector.aio`: they have an application's settings."""

# ruff: noqa: SLF001 - how a connection connects is in its private attributes

from __future__ import annotations

from asyncio import AbstractEventLoop
from typing import Any

from mysql.connector.aio.connection import MySQLConnection

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import mysql_family, private_loop
from aurora_otel.drivers.common.async_mysql import Settings
from aurora_otel.drivers.common.connector_connections import LEFT_OUT
from aurora_otel.drivers.common.patching import plain
from aurora_otel.drivers.mysql_connector_aio import session
from aurora_otel.model.endpoints import Address


def connect(settings: Settings, address: Address | None, timeout: float) -> SocketMonitor:
    """Open a connection; as `Driver.monitor`.

    Args:
        settings: of an application's connection.
        address: where to; `None`: where those lead.
        timeout: seconds.
    """

    async def opened(_: AbstractEventLoop) -> Any:
        connection: Any = MySQLConnection()
        settings.put_on(connection, address)
        connection._connection_timeout = None
        connection._autocommit = True
        connection._client_flags &= ~LEFT_OUT
        attributes = {**connection._connection_attrs, "program_name": mysql_family.PROGRAM_NAME}
        connection._connection_attrs = attributes
        try:
            await plain(MySQLConnection, "connect")(connection)
        except BaseException:
            # The driver leaves its socket open where it is cancelled.
            session.drop(connection)
            raise
        return connection

    return private_loop.connected(opened, session.fileno, session.ask, session.drop, timeout)
