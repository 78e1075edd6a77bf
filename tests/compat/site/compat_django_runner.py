# ruff: noqa: INP001 - on the path alone: the suites have a package `tests` of their own
"""Django's test runner, that writes down how each test ended."""

from unittest import TextTestResult

from compat_outcomes import Result
from django.test.runner import DiscoverRunner


class Runner(DiscoverRunner):
    """Django's own, that writes down how each test ended."""

    def get_resultclass(self) -> type[TextTestResult]:
        return Result
