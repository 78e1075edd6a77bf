"""One word for one thing: the words that gave way to the field's terms do not come back."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Only what has no good sense here. What to say instead is in `docs/glossary.md`, or plain English:
# "the thread that asks", "a stale connection", "release", "refresh".
AVOIDED = re.compile(
    r"""(?<![a-z])(?:
        whoever | nobody | everybody | everyone | somebody | anybody | anyone | somewhen
      | doors? | arrivals | blind | spared
      | heirs? | astray | strays? | tellers? | knocks? | surroundings
      | refreshers? | look[ _]at[ _]the[ _]topology
      | let(?:s|ting)?[ _]go[ _]of | of[ _]ours
      | (?:take[ns]?|took)[ _](?:\w+[ _])?out[ _]of[ _]use
      | books[ _](?:do[ _]not[ _])?balance
      | tells? | told | telling | news(?!["',]) | successors?
      | see[ns]?[ _]out | let(?:s|ting)?[ _](?:\w+[ _]){0,2}in
      | on[ _](?:a[ _])?suspicion | owners'?[ _](?:business|meet)
      | (?:said|done)[ _]or[ _]changed | (?:its|the)[ _]default[ _]counts | one[ _]logged[ _]error
      | says?[ _]of[ _](?:itself|themselves) | meets?[ _](?:the|its)[ _]driver
      | without[ _]a[ _]word | called[ _]`\w+`[ _]from[ _]now | sufferers? | suffers
    )(?![a-z])
  | (?-i:\bLooks\b|\bResponse\.to\b)""",
    re.IGNORECASE | re.VERBOSE,
)
# Where a word is meant all the same, and why.
ALLOWED = {
    ("aurora_otel/lab/installation.py", "nobody"): "the Unix account",
    ("tests/lab/test_lab_leaves_nothing.py", "nobody"): "the Unix account",
    ("tests/lab/test_lab_failovers.py", "nobody"): "an instance that does not exist",
}
EXCEPT = {Path(__file__).name}
FILES = sorted(
    path
    for pattern in (
        *("aurora_otel/**/*.py", "benchmarks/**/*.py", "examples/**/*.py", "tests/**/*.py"),
        *("docs/*.md", "*.md", "examples/**/*.md", "examples/**/*.yaml"),
        *("dashboards/**/*.json", "dashboards/**/*.md", "dashboards/**/*.y*ml"),
        *("Makefile", "mkdocs.yml", "pyproject.toml"),
    )
    for path in ROOT.glob(pattern)
    if path.name not in EXCEPT
)


def _name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_words_that_gave_way_to_others_do_not_come_back(path):
    found = [match.group().lower() for match in AVOIDED.finditer(path.read_text())]
    assert [word for word in found if (_name(path), word) not in ALLOWED] == []


@pytest.mark.parametrize(("name", "word"), sorted(ALLOWED))
def test_a_word_that_is_allowed_in_a_file_is_there(name, word):
    assert word in (ROOT / name).read_text()


@pytest.mark.parametrize(
    "text",
    [
        "Whoever asks",
        "test_nobody_waits",
        "a lock of ours",
        "let go of it",
        "taken out of use",
        "took it out of use",
        "the span tells it",
        "let a call in",
        "Nothing has to be said or changed",
        "meets the driver's own error",
        "what it says of itself",
        "is one logged error, and its default counts",
    ],
)
def test_an_avoided_word_is_found(text):
    assert AVOIDED.search(text)
