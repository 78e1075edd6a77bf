"""What servers answer to the probe of their database system."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping

from aurora_otel.discovery import REGISTRY
from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL

MAX_CONNECTIONS = "5000"
_SOURCES = [pkgutil.resolve_name(each.path) for each in REGISTRY if each.system == "postgresql"]


def of_postgresql(
    backend_id: str, found: Mapping[type, tuple[str | None, ...]]
) -> tuple[str | None, ...]:
    """Return the row of a PostgreSQL.

    Args:
        backend_id: the session's number.
        found: by the class of a source, the columns of its evidence; of any other, nothing.
    """
    columns = [found.get(source, (None,) * len(source.evidence)) for source in _SOURCES]
    return (backend_id, MAX_CONNECTIONS, *(each for evidence in columns for each in evidence))


def of_aurora(backend_id: str) -> tuple[str | None, ...]:
    """Return the row of an Aurora whose functions may be called."""
    return of_postgresql(backend_id, {AuroraPostgreSQL: ("true", "true")})
