"""A plugin of pytest: where the time of a run goes, by file, fixture, phase and test.

Processor time is what the tests' own process used, all below it, and so the lab's servers; it says
more than seconds where other work loads the machine. To learn it takes a look at each process of
the machine, so that is done once for a test that is not short, and for fixtures that outlive one.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import pytest

_KEY = "profile"
# Seconds: what a shorter test has others do is counted for the next one that is not.
_SHORT = 0.1


@dataclass
class Cost:
    """Seconds that passed, and seconds of processor time; `None`: not measured."""

    seconds: float = 0.0
    processor: float | None = None
    times: int = 0

    def add(self, seconds: float, processor: float | None, times: int = 1) -> None:
        self.seconds += seconds
        if processor is not None:
            self.processor = (self.processor or 0.0) + processor
        self.times += times


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rows", type=int, default=40, help="rows of each table of the profile")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Profile(config.getoption("rows")))


class Profile:
    """Measures in the process that runs tests; adds up in the one that reports them."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._costs: dict[str, dict[str, Cost]] = defaultdict(lambda: defaultdict(Cost))
        self._parts: list[tuple[str, str, float, float | None]] = []
        # When the test began, by two clocks; the processor time that tests were said to take.
        self._began = self._own = 0.0
        self._counted = _processor_time()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        outlives = fixturedef.scope != "function"
        began, used = time.perf_counter(), _processor_time() if outlives else 0.0
        try:
            return (yield)
        finally:
            name = f"{fixturedef.argname} ({fixturedef.scope}, {fixturedef.baseid or 'pytest'})"
            taken = _processor_time() - used if outlives else None
            self._parts.append(("fixture", name, time.perf_counter() - began, taken))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self._parts = []
        self._began, self._own = time.perf_counter(), time.process_time()
        item.user_properties.append((_KEY, self._parts))
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, Any]:
        return (yield from self._phase("set-up"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, Any, Any]:
        return (yield from self._phase("call"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, Any]:
        return (yield from self._phase("tear-down"))

    def _phase(self, phase: str) -> Generator[None, Any, Any]:
        began = time.perf_counter()
        try:
            return (yield)
        finally:
            self._parts.append(("phase", phase, time.perf_counter() - began, None))
            if phase == "tear-down":
                self._parts.append(("all", "", 0.0, self._taken()))

    def _taken(self) -> float:
        """Return the processor time of a test that has ended."""
        if time.perf_counter() - self._began < _SHORT:
            taken = time.process_time() - self._own
        else:
            taken = _processor_time() - self._counted
        self._counted += taken
        return taken

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        file = report.nodeid.partition("::")[0]
        for kind, name, seconds, processor in dict(report.user_properties).get(_KEY, ()):
            self._costs[kind][name].add(seconds, processor)
            if kind in {"all", "phase"}:
                for table, row in (("file", file), ("test", report.nodeid)):
                    self._costs[table][row].add(seconds, processor, int(name == "call"))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for kind in ("phase", "file", "fixture", "test"):
            terminalreporter.section(f"time by {kind}")
            terminalreporter.write_line("  seconds  processor  times")
            costs = self._costs[kind].items()
            longest = sorted(costs, key=lambda each: each[1].seconds, reverse=True)[: self._rows]
            for name, cost in longest:
                processor = "-" if cost.processor is None else f"{cost.processor:.1f}"
                figures = f"{cost.seconds:9.1f} {processor:>10} {cost.times:6}"
                terminalreporter.write_line(f"{figures}  {name}")


def _processor_time() -> float:
    """Return what this process has used, all that it started, and what these have waited for."""
    mine = os.times()
    total = mine.user + mine.system + mine.children_user + mine.children_system
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total
