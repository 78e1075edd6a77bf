"""asyncpg."""

from __future__ import annotations

from aurora_otel.drivers.asyncpg.adapter import Adapter

__all__ = ["Adapter"]
