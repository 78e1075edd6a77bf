"""`docs/glossary.md`: each term once, in order, and what it points to in the code is there."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| `([^`]+)` \|$", TEXT, re.MULTILINE)
TERMS = [term for term, _, _ in ROWS]


def test_every_row_has_a_term_a_meaning_and_a_place():
    assert len(ROWS) == TEXT.count("\n| ") - 1  # the heading
    assert len(ROWS) > 40


def test_terms_are_defined_once_and_in_order():
    assert len(set(TERMS)) == len(TERMS)
    plain = [term.replace("-", " ") for term in TERMS]
    assert plain == sorted(plain)


@pytest.mark.parametrize("place", sorted({place for _, _, place in ROWS}))
def test_what_a_term_is_called_in_code_is_there(place):
    assert pkgutil.resolve_name(f"aurora_otel.{place}") is not None
