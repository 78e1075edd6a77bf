"""mysqlclient (`MySQLdb`)."""

from __future__ import annotations

from aurora_otel.drivers.mysqlclient.adapter import Adapter

__all__ = ["Adapter"]
