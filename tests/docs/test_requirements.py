import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(set(re.findall(r"`(tests/[^`]+)`", (ROOT / "docs/requirements.md").read_text())))


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_a_requirement_names_is_there(name):
    path, _, function = name.partition("::")
    assert (ROOT / path).is_file()
    if function:
        assert f"def {function}(" in (ROOT / path).read_text()


def test_requirements_are_numbered_without_gaps_and_name_their_tests():
    rows = re.findall(
        r"^\| R(\d+)\.(\d+) \| .+? \| (.*) \|$",
        (ROOT / "docs/requirements.md").read_text(),
        re.MULTILINE,
    )
    by_group: dict[str, list[int]] = {}
    for group, number, tests in rows:
        by_group.setdefault(group, []).append(int(number))
        assert "`tests/" in tests
    assert [int(group) for group in by_group] == list(range(1, len(by_group) + 1))
    for numbers in by_group.values():
        assert numbers == list(range(1, len(numbers) + 1))
