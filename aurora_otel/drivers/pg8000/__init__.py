"""pg8000."""

from __future__ import annotations

from aurora_otel.drivers.pg8000.adapter import Adapter

__all__ = ["Adapter"]
