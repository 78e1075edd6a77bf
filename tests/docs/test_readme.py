import re
from dataclasses import fields
from pathlib import Path

import pytest

from aurora_otel.drivers import NAMES
from aurora_otel.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_readme_lists_every_setting_with_its_default_and_meaning():
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert rows == [
        (field.name.upper(), field.metadata["default"], field.metadata["meaning"])
        for field in fields(Settings)
    ]


def test_the_readme_lists_the_name_of_every_driver():
    text = (ROOT / "README.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in text] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_links_to_is_there(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []
