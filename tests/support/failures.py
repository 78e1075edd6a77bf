"""What a test that failed leaves to read: the labs' last events, their servers' logs, the agent."""

from __future__ import annotations

import functools
import inspect
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pprint import pformat
from typing import Any

import pytest

import aurora_otel
from aurora_otel.lab import Cluster, Gateway

EVENTS = 20
LINES = 15

_recorded = {
    Cluster: (
        *("start", "stop", "failover", "recover", "rejoin", "heal", "set_read_only"),
        *("set_view", "freeze_view", "publish"),
    ),
    Gateway: ("cut", "hang", "slow", "filter", "restore"),
}
_events: deque[str] = deque(maxlen=EVENTS)
_running: set[Cluster] = set()


def record_events() -> None:
    """Have the labs of this process note what is done to them from now on."""
    for owner, names in _recorded.items():
        for name in names:
            setattr(owner, name, _noting(getattr(owner, name)))


def _noting(method: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def noting(lab: Any, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(lab, *args, **kwargs).arguments
        text = ", ".join(f"{key}={value}" for key, value in given.items() if key != "self")
        engine = f"{lab.name} ({lab.engine})" if isinstance(lab, Cluster) else "gateway"
        _events.append(f"{_clock()} {engine}: {method.__name__}({text})")
        try:
            return method(lab, *args, **kwargs)
        except BaseException as error:
            _events.append(f"{_clock()} {engine}: {method.__name__} raised {error!r}")
            raise
        finally:
            if isinstance(lab, Cluster):
                (_running.add if lab._started else _running.discard)(lab)

    return noting


def _clock() -> str:
    now = time.time()
    return f"{time.strftime('%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what there is to read to the report of a failure, while it is still there."""
    report = yield
    if report.failed:
        report.sections.extend(_sections())
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show also why a test failed that passed when it was run again."""
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.section(f"run again: {report.nodeid} ({report.when})")
        report.toterminal(terminalreporter._tw)


def _sections() -> Iterator[tuple[str, str]]:
    if (snapshot := aurora_otel.snapshot()).active:
        yield "the agent's snapshot", pformat(snapshot, width=100)
    if _events:
        yield f"the labs' last events, until {_clock()} UTC", "\n".join(_events)
    for lab in _running:
        for instance in lab.instances:
            log = lab._running.directory / f"{instance}.log"
            if log.exists():
                lines = log.read_text(errors="replace").splitlines()[-LINES:]
                condition = lab.condition(instance).value
                title = f"log of {instance} ({lab.engine}, {condition})"
                yield title, "\n".join(lines)
