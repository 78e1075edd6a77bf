"""The site's navigation: each document has its place there. `make site` checks the links."""

import re
from pathlib import Path

import aurora_otel

ROOT = Path(__file__).parents[2]


def test_each_document_is_in_the_navigation_once():
    listed = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    documents = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")]
    assert sorted(path for path in listed if path.startswith("docs/")) == sorted(documents)
    assert [path for path in listed if not (ROOT / path).exists()] == []


def test_the_reference_describes_all_that_is_public():
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    members = re.findall(r"^ {8}- (\w+)$", text, re.MULTILINE)
    assert sorted(members) == sorted(set(aurora_otel.__all__) - {"__version__"})
