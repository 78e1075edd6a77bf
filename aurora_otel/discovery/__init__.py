"""Where identity and topology come from: one file a source."""

from __future__ import annotations

from aurora_otel.discovery.aurora_mysql import AuroraMySQL
from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.source import Dialect

# By `db.system.name`.
DIALECTS: dict[str, Dialect] = {"mysql": AuroraMySQL(), "postgresql": AuroraPostgreSQL()}

__all__ = ["DIALECTS", "Dialect"]
