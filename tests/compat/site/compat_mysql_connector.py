# ruff: noqa: INP001 - on the path alone: the suites have a package `tests` of their own
"""Runs mysql-connector's own tests by their own script, and writes down how each ended.

Understands `-k=<name>` as unittest does; all other arguments are the script's.
"""

import sys
import unittest
from pathlib import Path

import unittests  # the script
from compat_outcomes import Result

# It puts the sources before the driver that is installed, and that is to be tested.
sys.path.remove(str(Path.cwd() / "lib"))


class Loader(unittest.TestLoader):
    """Leaves out what the lab's gateway cannot read: it has MySQL's protocol plain."""

    def getTestCaseNames(self, testCaseClass: type[unittest.TestCase]) -> list[str]:  # noqa: N802, N803 - unittest's names
        found = super().getTestCaseNames(testCaseClass)
        return [name for name in found if "compress" not in name]


unittests.BasicTestRunner.resultclass = Result
unittest.TestLoader = Loader
names = [each.removeprefix("-k=") for each in sys.argv if each.startswith("-k=")]
unittest.TestLoader.testNamePatterns = [f"*{name}*" for name in names] or None
sys.argv = [each for each in sys.argv if not each.startswith("-k=")]
unittests.main()
