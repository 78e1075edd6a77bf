"""Each unit test is easy to find: its file is named after a module."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "aurora_otel"
# A package that defines something itself is a module, too.
MODULES = {
    name
    for file in PACKAGE.rglob("*.py")
    for name in (file.stem, f"{file.parent.name}_{file.stem}")
} | {
    file.parent.name
    for file in PACKAGE.glob("*/__init__.py")
    if re.search("^class ", file.read_text(), re.MULTILINE)
}
TESTS = Path(__file__).parents[1]
README = (TESTS / "README.md").read_text()
# A second file about a module has its subject behind the module's name.
FILES = sorted(Path(__file__).parent.glob("test_*.py"))


def is_named_after_a_module(stem: str) -> bool:
    words = stem.removeprefix("test_").split("_")
    return any("_".join(words[:count]) in MODULES for count in range(1, len(words) + 1))


@pytest.mark.parametrize(
    "file", [file for file in FILES if file != Path(__file__)], ids=lambda file: file.stem
)
def test_a_unit_test_is_named_after_its_module(file):
    assert is_named_after_a_module(file.stem)


def test_every_folder_of_tests_is_in_the_readme():
    folders = {file.parent.name for file in TESTS.glob("*/__init__.py")}
    assert folders <= set(re.findall(r"`([a-z_]+)/`", README))


def test_everything_that_tests_share_is_in_the_readme():
    shared = {file.name for file in (TESTS / "support").glob("[a-z]*.py")}
    assert shared <= set(re.findall(r"`([a-z_]+\.py)`", README))
