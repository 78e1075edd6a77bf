"""mysql-connector-python."""

from __future__ import annotations

from aurora_otel.drivers.mysql_connector.adapter import Adapter

__all__ = ["Adapter"]
