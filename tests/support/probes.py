"""What servers answer to the probe of PostgreSQL."""

from __future__ import annotations

import pkgutil

from aurora_otel.discovery import REGISTRY

_SOURCES = [pkgutil.resolve_name(each.path) for each in REGISTRY if each.system == "postgresql"]
_COLUMNS = sum(len(source.evidence) for source in _SOURCES)


def of_aurora(backend_id: str) -> tuple[str | None, ...]:
    """Return the row of an Aurora whose functions may be called: the first source's columns."""
    found = ("true", "true")
    return (backend_id, *found, *[None] * (_COLUMNS - len(found)))
