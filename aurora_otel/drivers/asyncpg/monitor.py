"""The agent's own connections by asyncpg."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Coroutine, Mapping
from typing import Any

import asyncpg

from aurora_otel.drivers.asyncpg import session
from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import private_loop
from aurora_otel.drivers.common.libpq import APPLICATION_NAME
from aurora_otel.drivers.common.patching import plain
from aurora_otel.model.endpoints import Address


def connect(
    parameters: Mapping[str, Any], address: Address | None, timeout: float
) -> SocketMonitor:
    """Open a connection; as `Driver.monitor`.

    Args:
        parameters: what the application's connection was opened with.
        address: where to; `None`: where the parameters lead.
        timeout: seconds.
    """
    settings = {**(parameters.get("server_settings") or {}), "application_name": APPLICATION_NAME}
    # The role is what we are going to find out.
    changed: dict[str, Any] = {
        "server_settings": settings,
        "target_session_attrs": "any",
        "command_timeout": None,
    }
    if address is not None:
        changed |= {"host": address.host, "port": address.port}

    def opened(loop: AbstractEventLoop) -> Coroutine[Any, Any, Any]:
        connecting: Coroutine[Any, Any, Any] = plain(asyncpg.connect_utils, "_connect")(
            **{**parameters, **changed},
            loop=loop,
            connection_class=asyncpg.Connection,
            record_class=asyncpg.Record,
        )
        return connecting

    return private_loop.connected(opened, session.fileno, session.ask, session.drop, timeout)
