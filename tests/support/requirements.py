"""A marker for each part of docs/requirements.md on the tests that it names: `pytest -m R4`."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_TEXT = (ROOT / "docs/requirements.md").read_text(encoding="utf-8")


def parts() -> list[tuple[str, str]]:
    """Return each part's number and title: `("R1", "Identify")`."""
    return re.findall(r"^## (R\d+) (.+)$", _TEXT, re.MULTILINE)


def _tests() -> dict[str, set[str]]:
    """Return the parts that name a file, or a function of one."""
    named = defaultdict(set)
    for part, row in re.findall(r"^\| (R\d+)\.\d+ \| (.+)$", _TEXT, re.MULTILINE):
        for name in re.findall(r"`(tests/[^`]+)`", row):
            named[name].add(part)
    return named


def mark(items: list[pytest.Item]) -> None:
    """Mark the tests that are named, one by one or with their file."""
    named = _tests()
    for item in items:
        file = item.path.relative_to(ROOT).as_posix()
        function = f"{file}::{getattr(item, 'originalname', item.name)}"
        for part in sorted(named[file] | named[function]):
            item.add_marker(part)
