"""libpq's connection strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def conninfo(parameters: Mapping[str, object]) -> str:
    """Returns the connection string of these parameters, quoted where it has to be."""
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in parameters.items())


def _quoted(value: str) -> str:
    if value.isascii() and value.replace("-", "").replace(".", "").isalnum():
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
