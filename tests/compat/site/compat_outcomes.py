# ruff: noqa: INP001 - on the path alone: the suites have a package `tests` of their own
"""Writes down how each test ended, as it ends: a plugin of pytest, and results of unittest.

A line is `[test, outcome]`; the last one of a test counts. An outcome is `passed`, `skipped`,
`failed: <type of the exception>`, or `unfinished` for a test that began and never ended.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any
from unittest import TextTestResult

import pytest

_ends: dict[str, str] = {}


def _note(test: str, outcome: str) -> None:
    with Path(os.environ["COMPAT_RESULTS"]).open("a") as results:
        print(json.dumps([test, outcome]), file=results)


def _failed(kind: type[BaseException]) -> str:
    return f"failed: {kind.__name__}"


def pytest_runtest_logstart(nodeid: str) -> None:
    _ends[nodeid] = "passed"
    _note(nodeid, "unfinished")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        _ends[item.nodeid] = _failed(call.excinfo.type) if call.excinfo else "failed: XPASS"
    elif report.skipped and _ends[item.nodeid] == "passed":
        _ends[item.nodeid] = "skipped"
    return report


def pytest_runtest_logfinish(nodeid: str) -> None:
    _note(nodeid, _ends.pop(nodeid))


class Result(TextTestResult):
    """A result of unittest that writes down, too."""

    _begun: tuple[Any, str] = (None, "")

    def startTest(self, test: Any) -> None:  # noqa: N802 - unittest's name
        super().startTest(test)
        self._begun = (test, test.id())
        self._end(test, "unfinished")

    def addSuccess(self, test: Any) -> None:  # noqa: N802 - unittest's name
        super().addSuccess(test)
        self._end(test, "passed")

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        super().addError(test, err)
        self._end(test, _failed(err[0]))

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        super().addFailure(test, err)
        self._end(test, _failed(err[0]))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._end(test, _failed(err[0]))

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802 - unittest's name
        super().addSkip(test, reason)
        self._end(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        super().addExpectedFailure(test, err)
        self._end(test, "skipped")

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802 - unittest's name
        super().addUnexpectedSuccess(test)
        self._end(test, "failed: XPASS")

    def _end(self, test: Any, outcome: str) -> None:
        begun, name = self._begun
        # mysql-connector's tests change their names while they run.
        _note(name if test is begun else test.id(), outcome)
