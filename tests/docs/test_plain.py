"""Documents can be read in a hurry: no sentence is too long, and most are short.

The bounds go by a study of the American Press Institute that public style guides quote: readers
understood nine tenths of sentences of 14 words, and less than a tenth of sentences of 43.
"""

import statistics
from pathlib import Path

import pytest

from tests.docs.plain import sentences, words

ROOT = Path(__file__).parents[2]
UNREADABLE = 43
# Who uses the agent may be in a hurry, at night: longest and mean sentence, in words.
USERS = (30, 15)
# Who changes it has time, and reads about more complicated things.
CONTRIBUTORS = (UNREADABLE, 18)
FOR_CONTRIBUTORS = {
    *(
        "CHANGELOG.md",
        "CODE_OF_CONDUCT.md",
        "SECURITY.md",
        "adding-a-driver.md",
        "adding-a-source.md",
        "design.md",
    ),
    *("drivers.md", "reliability.md", "requirements.md", "performance.md", "service.md"),
}
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("examples/**/*.md")),
    ROOT / "tests" / "README.md",
]
# A few words are a heading of a column or a label, not a sentence.
LABEL = 3


def lengths(markdown):
    return [count for each in sentences(markdown) if (count := words(each)) > LABEL]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_sentences_are_short(path):
    longest, mean = CONTRIBUTORS if path.name in FOR_CONTRIBUTORS else USERS
    text = path.read_text(encoding="utf-8")
    assert [each for each in sentences(text) if words(each) > longest] == []
    assert statistics.mean(lengths(text)) <= mean


def test_sentences_are_taken_apart_where_they_end():
    text = (
        "# A heading\n\nOne `a.b` sentence. Another; with [a link](x.md).\n\n"
        "```python\nprint('no sentence. at all')\n```\n\n"
        "* an item,\n  which goes on\n* another one\n\n| a cell | one more. And this |\n|---|---|\n"
    )
    assert sentences(text) == [
        *("One code sentence", "Another", "with a link", "an item, which goes on"),
        *("another one", "a cell", "one more", "And this"),
    ]


def test_a_sentence_that_is_too_long_is_noticed():
    text = f"This {'very ' * UNREADABLE}long sentence."
    assert max(lengths(text)) > CONTRIBUTORS[0]
