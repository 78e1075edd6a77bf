"""Connection strings: libpq's, and URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping


def conninfo(parameters: Mapping[str, object]) -> str:
    """Return the connection string of these parameters, quoted where need be, without `None`."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return " ".join(f"{name}={_quoted(str(value))}" for name, value in given.items())


def url(scheme: str, login: Mapping[str, Any], query: Mapping[str, object]) -> str:
    """Return the URL of a login: host, port, user, password and database."""
    user, password = quote(login["user"], safe=""), quote(login["password"], safe="")
    place = f"{login['host']}:{login['port']}/{login['database']}"
    return f"{scheme}://{user}:{password}@{place}" + (f"?{urlencode(query)}" if query else "")


def _quoted(value: str) -> str:
    if value.isascii() and value.replace("-", "").replace(".", "").isalnum():
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
