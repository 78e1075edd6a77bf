import io
import json

import pytest
from rich.console import Console

from tests.compat.comparison import Comparison, Pair
from tests.compat.report import BEGIN, END, Report
from tests.compat.runs import Agent

STEADY = {"test_passes": "passed", "test_fails": "failed: OSError", "test_is_skipped": "skipped"}


def report(**with_us):
    """Return the report of one suite, in which these tests ended otherwise with us."""
    pair = Pair(
        {**STEADY, "test_of_types": "passed"}, {**STEADY, "test_of_types": "failed: E", **with_us}
    )
    reasons = {"test_of_types": "compares types"}
    compared = Comparison("suite 1", "driver 2", pair, Agent(3, 2, {}), reasons)
    return Report("make compat", ["Python 3", "PostgreSQL 15"], [compared])


def shown(compared):
    text = io.StringIO()
    compared.show(Console(file=text, width=120))
    return text.getvalue()


def test_people_see_the_numbers_and_each_test_that_does_not_pass():
    text = shown(report())
    row = next(line for line in text.splitlines() if "driver 2 " in line)
    assert row.replace("│", " ").split() == [
        "suite",
        "1",
        "driver",
        "2",
        "4",
        "2",
        "1",
        "1",
        "0",
        "1",
    ]
    assert (
        "`test_of_types` passed 1 of 1 without us, failed: E 1 of 1 with us: compares types" in text
    )
    assert "`test_fails` fails without us, and with us in the same way (failed: OSError)" in text
    assert "NOT EXPLAINED" not in text


def test_a_difference_that_nothing_explains_stands_out():
    text = shown(report(test_passes="failed: E"))
    assert "`test_passes` passed 1 of 1 without us, failed: E 1 of 1 with us: NOT EXPLAINED" in text


def test_programs_get_all_of_it():
    plain = json.loads(json.dumps(report().plain()))
    (suite,) = plain["suites"]
    assert plain["products"] == ["Python 3", "PostgreSQL 15"]
    assert (suite["tests"], suite["passed_without"], suite["passed_with"]) == (4, 2, 1)
    assert [each["test"] for each in suite["differences"]] == ["test_of_types"]
    assert suite["failing_without"] == {"test_fails": "failed: OSError"}
    assert suite["is_harmless"]


def test_a_document_gets_it_in_its_place(tmp_path):
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n{BEGIN}\nlast time's\n{END}\nafter\n")
    report().write(document)
    text = document.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "| suite 1 | driver 2 | 4 | 2 | 1 | 1 | 0 | 1 |" in text
    assert "compares types" in text
    assert "last time's" not in text


def test_a_document_without_a_place_for_it_is_refused(tmp_path):
    document = tmp_path / "reliability.md"
    document.write_text("before\n")
    with pytest.raises(SystemExit, match="no place"):
        report().write(document)
