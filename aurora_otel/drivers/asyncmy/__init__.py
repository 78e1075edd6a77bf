"""asyncmy."""

from __future__ import annotations

from aurora_otel.drivers.asyncmy.adapter import Adapter

__all__ = ["Adapter"]
