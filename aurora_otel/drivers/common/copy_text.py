"""The text format of PostgreSQL's COPY ("File Formats" in its documentation of the command)."""

from __future__ import annotations

import re

# A backslash stands before what would end a value or a row.
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NULL = "\\N"


def rows(copied: str) -> list[list[str | None]]:
    """Return the rows that COPY has written as text."""
    return [[_value(value) for value in row.split("\t")] for row in copied.split("\n")[:-1]]


def _value(value: str) -> str | None:
    if value == _NULL:
        return None
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), value)
