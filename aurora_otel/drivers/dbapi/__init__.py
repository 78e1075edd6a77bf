"""Any other PEP 249 driver, by what its user says of it."""

from __future__ import annotations

from aurora_otel.drivers.dbapi.adapter import Adapter

__all__ = ["Adapter"]
