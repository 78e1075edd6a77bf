"""Rows as PostgreSQL's COPY writes them."""

from __future__ import annotations

import pytest

from aurora_otel.drivers.common.copy_text import rows

COPIED = {
    "": [],
    "a\n": [["a"]],
    "\n": [[""]],
    "a\tb\nc\t\\N\n": [["a", "b"], ["c", None]],
    "\\\\N\t\\t\\n\\\\\n": [["\\N", "\t\n\\"]],
    "é\t\\b\\f\\r\\v\n": [["é", "\b\f\r\v"]],
}


@pytest.mark.parametrize("copied", COPIED)
def test_values_are_what_they_were(copied):
    assert rows(copied) == COPIED[copied]
