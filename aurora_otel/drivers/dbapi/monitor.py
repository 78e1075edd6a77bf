"""Our own connections by any PEP 249 driver."""

from __future__ import annotations

from typing import Any

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.dbapi import session
from aurora_otel.drivers.dbapi.traits import Traits
from aurora_otel.drivers.protocol import Monitor, Rows


def over(connection: Any, traits: Traits) -> Monitor:
    """Return a monitor over a connection that was made below every patch."""
    sock = session.socket_of(connection, traits)

    def ask(connection: Any, statement: str, timeout: float) -> Rows:
        return session.ask(connection, statement, timeout, sock)

    return SocketMonitor(connection, sock, ask, session.close)
