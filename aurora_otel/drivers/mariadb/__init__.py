"""mariadb (MariaDB Connector/Python)."""

from __future__ import annotations

from aurora_otel.drivers.mariadb.adapter import Adapter

__all__ = ["Adapter"]
