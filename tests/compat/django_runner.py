"""Django's test runner, that writes down how each test ended."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from unittest import TextTestResult

from django.test.runner import DiscoverRunner


class Result(TextTestResult):
    """Appends `[test, outcome]` to the results, a line each."""

    def addSuccess(self, test: Any) -> None:  # noqa: N802 - unittest's name
        super().addSuccess(test)
        _note(test, "passed")

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        super().addError(test, err)
        _note(test, "failed")

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        super().addFailure(test, err)
        _note(test, "failed")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        super().addSubTest(test, subtest, err)
        if err is not None:
            _note(test, "failed")

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802 - unittest's name
        super().addSkip(test, reason)
        _note(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802 - unittest's name
        super().addExpectedFailure(test, err)
        _note(test, "passed")

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802 - unittest's name
        super().addUnexpectedSuccess(test)
        _note(test, "failed")


def _note(test: Any, outcome: str) -> None:
    with Path(os.environ["COMPAT_RESULTS"]).open("a") as results:
        print(json.dumps([test.id(), outcome]), file=results)


class Runner(DiscoverRunner):
    """`TEST_RUNNER` of the suite's settings."""

    def get_resultclass(self) -> type[TextTestResult]:
        return Result
