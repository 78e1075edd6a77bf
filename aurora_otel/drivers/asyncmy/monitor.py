"""The agent's own connections by asyncmy: objects with the settings of an application's."""

# ruff: noqa: SLF001 - how a connection connects is in its private attributes

from __future__ import annotations

from asyncio import AbstractEventLoop
from typing import Any

from asyncmy.connection import Connection
from asyncmy.constants.CLIENT import CONNECT_WITH_DB

from aurora_otel.drivers.asyncmy import session
from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import mysql_family, private_loop
from aurora_otel.drivers.common.async_mysql import Settings
from aurora_otel.drivers.common.patching import plain
from aurora_otel.model.endpoints import Address


def connect(settings: Settings, address: Address | None, timeout: float) -> SocketMonitor:
    """Open a connection; as `Driver.monitor`.

    Args:
        settings: of an application's connection.
        address: where to; `None`: where those lead.
        timeout: seconds.
    """

    async def opened(_: AbstractEventLoop) -> Any:
        connection: Any = Connection(autocommit=True)  # type: ignore[no-untyped-call]
        settings.put_on(connection, address)
        connection._client_flag &= ~CONNECT_WITH_DB
        attributes = {**connection._connect_attrs, "program_name": mysql_family.PROGRAM_NAME}
        connection._connect_attrs = attributes
        await plain(Connection, "connect")(connection)
        return connection

    return private_loop.connected(opened, session.fileno, session.ask, session.drop, timeout)
