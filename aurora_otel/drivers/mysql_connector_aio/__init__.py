"""mysql-connector-python's `mysql.connector.aio`."""

from __future__ import annotations

from aurora_otel.drivers.mysql_connector_aio.adapter import Adapter

__all__ = ["Adapter"]
