"""The README and the lists in the documents: what is supported, settings, links, figures."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from aurora_otel.demo.promises import HELD_CONNECTIONS
from aurora_otel.demo.run import Plan
from aurora_otel.drivers import NAMES
from aurora_otel.settings import Settings
from benchmarks import readme

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DRIVERS = (ROOT / "docs" / "drivers-and-pools.md").read_text(encoding="utf-8")
QUESTIONS = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")),
    *(ROOT / name for name in ("examples/README.md", "tests/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


def test_every_setting_is_listed_with_its_default_and_meaning():
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$", text, re.MULTILINE)
    assert rows == [
        (field.name.upper(), field.metadata["default"], field.metadata["meaning"])
        for field in fields(Settings)
    ]


@pytest.mark.parametrize("text", [README, DRIVERS], ids=["README.md", "drivers-and-pools.md"])
def test_every_driver_is_listed_by_its_name(text):
    assert [name for name in NAMES if f"`{name}`" not in text] == []


def test_the_oldest_versions_of_drivers_are_those_of_the_package():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = project.partition("instruments-any = [")[2].partition("]")[0]
    floors = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', section))
    rows = re.findall(r"^\| ([^|]+) \| ([\d.]+) \| `[^|]+` \| Aurora", DRIVERS, re.MULTILINE)
    listed = {
        package: floor
        for names, floor in rows
        for package in re.split(", ", names.replace("psycopg 3", "psycopg"))
    }
    # A later one than that of mysql-connector-python, which it is a part of.
    del listed["mysql.connector.aio"]
    assert listed == floors


def anchors(path):
    """Return the anchors of a document's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_document_links_to_is_there(document):
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", text)
    for file, anchor in links:
        target = document.parent / file if file else document
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"


def test_the_readme_is_short():
    assert len(README.splitlines()) < 200


@pytest.mark.parametrize(
    "question",
    [
        "What exactly changes in my application?",
        "What does it cost?",
        "How do I roll it out?",
        "Does it work with asyncio?",
        "Does it work on RDS Multi-AZ?",
        "Does it work behind RDS Proxy, PgBouncer or another pooler?",
        "How does it compare with `pool_pre_ping`, RDS Proxy and AWS's wrapper?",
    ],
)
def test_a_newcomers_question_has_one_heading(question):
    assert re.findall(r"^## (.+)$", QUESTIONS, re.MULTILINE).count(question) == 1


def test_the_readmes_figures_are_those_that_were_measured():
    assert readme.table() in README, "run `python -m benchmarks.readme`"


def test_the_application_in_the_picture_is_that_of_the_demo():
    words = f"{HELD_CONNECTIONS} open connections, {Plan.writers} threads that write"
    assert words in " ".join(README.split())


@pytest.mark.parametrize(
    ("row", "low", "high", "words"),
    [
        ("added to a null method", 0.05, 0.15, "About 0.1 µs for each call"),
        ("no spans", 0.28, 0.38, "about a third of a KiB for each open connection"),
        ("round trips added, writer endpoint", 1, 1, "one statement for each new connection"),
    ],
)
def test_costs_in_words_are_those_that_were_measured(row, low, high, words):
    text = readme.PERFORMANCE.read_text(encoding="utf-8")
    (measured,) = re.findall(rf"^\| {row} \| [^|]+ \| ([\d.]+)", text, re.MULTILINE)
    assert low <= float(measured) <= high
    assert words in " ".join(QUESTIONS.split())


def test_a_figure_that_is_not_there_is_an_error(monkeypatch, tmp_path):
    (tmp_path / "performance.md").write_text("# What it costs\n")
    monkeypatch.setattr(readme, "PERFORMANCE", tmp_path / "performance.md")
    with pytest.raises(ValueError, match="make bench"):
        readme.table()
