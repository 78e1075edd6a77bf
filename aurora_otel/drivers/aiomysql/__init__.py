"""aiomysql."""

from __future__ import annotations

from aurora_otel.drivers.aiomysql.adapter import Adapter

__all__ = ["Adapter"]
