"""PyMySQL."""

from __future__ import annotations

from aurora_otel.drivers.pymysql.adapter import Adapter

__all__ = ["Adapter"]
