"""psycopg2."""

from __future__ import annotations

from aurora_otel.drivers.psycopg2.adapter import Adapter

__all__ = ["Adapter"]
