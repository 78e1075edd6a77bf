import sys
from pathlib import Path

import pytest

from tests.compat.runs import Stage
from tests.compat.suites import SUITES, Suite
from tests.support.waiting import eventually

PYTEST = next(suite.command for suite in SUITES if suite.name == "psycopg2")

OF_PYTEST = """
import os
import unittest

import pytest

def test_passes(): pass

def test_fails(): raise KeyError

def test_knows_whether_we_are_there(): assert os.environ["COMPAT_WITH"] == "0"

@pytest.mark.skip
def test_is_skipped(): pass

@pytest.mark.parametrize("value", ["a", "b"])
def test_has_parameters(value): assert value == "a"

@pytest.fixture
def broken():
    yield
    raise OSError

def test_fails_at_its_end(broken): pass

class Tests(unittest.TestCase):
    def test_in_parts(self):
        with self.subTest(1):
            raise ValueError
"""

OF_UNITTEST = """
import unittest

from compat_outcomes import Result

class Tests(unittest.TestCase):
    def test_passes(self): pass

    def test_fails(self): self.fail()

    def test_raises(self): raise KeyError

    @unittest.skip("")
    def test_is_skipped(self): pass

    @unittest.expectedFailure
    def test_is_known_to_fail(self): self.fail()

    def test_goes_by_another_name(self): self._testMethodName = "test_passes (once more)"

    def test_in_parts(self):
        with self.subTest(1):
            raise ValueError

class Broken(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise OSError

    def test_is_not_reached(self): pass

unittest.main(testRunner=unittest.TextTestRunner(resultclass=Result))
"""

HANGS = """
import subprocess
import time
from pathlib import Path

def test_passes(): pass

def test_hangs():
    child = subprocess.Popen(["sleep", "600"])
    Path("child").write_text(str(child.pid))
    time.sleep(600)

def test_is_not_reached(): pass
"""


def stage(directory, source, *command):
    """Return a suite of one file."""
    (directory / "test_it.py").write_text(source)
    suite = Suite("made-up", "postgresql", "none", "none", lambda _: {}, command)
    return Stage(suite, directory, {})


def test_what_became_of_each_test_of_pytest(tmp_path):
    outcomes = stage(tmp_path, OF_PYTEST, *PYTEST[:-1], "test_it.py").run(with_us=False).outcomes
    assert outcomes == {
        "test_it.py::test_passes": "passed",
        "test_it.py::test_fails": "failed: KeyError",
        "test_it.py::test_knows_whether_we_are_there": "passed",
        "test_it.py::test_is_skipped": "skipped",
        "test_it.py::test_has_parameters[a]": "passed",
        "test_it.py::test_has_parameters[b]": "failed: AssertionError",
        "test_it.py::test_fails_at_its_end": "failed: OSError",
        "test_it.py::Tests::test_in_parts": "failed: ValueError",
    }


def test_what_became_of_each_test_of_unittest(tmp_path):
    outcomes = stage(tmp_path, OF_UNITTEST, "test_it.py").run(with_us=False).outcomes
    assert outcomes == {
        "__main__.Tests.test_passes": "passed",
        "__main__.Tests.test_fails": "failed: AssertionError",
        "__main__.Tests.test_raises": "failed: KeyError",
        "__main__.Tests.test_is_skipped": "skipped",
        "__main__.Tests.test_is_known_to_fail": "skipped",
        "__main__.Tests.test_goes_by_another_name": "passed",
        "__main__.Tests.test_in_parts": "failed: ValueError",
        "setUpClass (__main__.Broken)": "failed: OSError",
    }


def test_the_agent_is_there_in_the_run_with_us(tmp_path):
    source = "def test_it():\n    from aurora_otel import snapshot\n    assert snapshot().active\n"
    made_up = stage(tmp_path, source, *PYTEST[:-1], "test_it.py")
    assert made_up.run(with_us=True).outcomes == {"test_it.py::test_it": "passed"}
    assert made_up.run(with_us=False).outcomes == {"test_it.py::test_it": "failed: AssertionError"}


@pytest.mark.parametrize(
    ("source", "command", "passes", "fails"),
    [
        (
            OF_PYTEST,
            (*PYTEST[:-1], "test_it.py"),
            "test_it.py::test_passes",
            "test_it.py::test_fails",
        ),
        (OF_UNITTEST, ("test_it.py",), "__main__.Tests.test_passes", "__main__.Tests.test_raises"),
    ],
)
def test_some_of_the_tests_can_be_run_again(tmp_path, source, command, passes, fails):
    outcomes = stage(tmp_path, source, *command).run([passes, fails], with_us=False).outcomes
    assert outcomes[passes] == "passed"
    assert outcomes[fails] == "failed: KeyError"
    assert not [test for test in outcomes if "skipped" in test]


def test_a_suite_that_hangs_is_ended_and_reports_where(tmp_path):
    made_up = stage(tmp_path, HANGS, *PYTEST[:-1], "test_it.py")
    assert made_up.run(with_us=False, patience=20).outcomes == {
        "test_it.py::test_passes": "passed",
        "test_it.py::test_hangs": "unfinished",
    }
    child = Path("/proc", (tmp_path / "child").read_text(), "cmdline")
    assert eventually(lambda: not child.exists() or b"sleep" not in child.read_bytes())


def test_every_suite_runs_in_this_interpreter_and_has_a_name_of_its_own():
    assert len({suite.name for suite in SUITES}) == len(SUITES)
    for suite in SUITES:
        assert suite.arguments([])[0] == sys.executable
        assert all(suite.versions)
