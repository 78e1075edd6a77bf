"""What a test that failed leaves to read: the labs' last events, their servers' logs, the agent.

Of the agent: its snapshot, its last spans, and where its threads are.
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pprint import pformat
from typing import Any

import pytest

import aurora_otel
from aurora_otel.lab import Cluster, Gateway
from tests.support.agent import Exported

EVENTS = 20
LINES = 15
SPANS = 40
EXPORTED = pytest.StashKey[Exported]()

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


def _clock(now: float | None = None) -> str:
    now = time.time() if now is None else now
    return f"{time.strftime('%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what there is to read to the report of a failure, while it is still there."""
    report = yield
    if report.failed:
        report.sections.extend(_sections(item.stash.get(EXPORTED, None)))
    if report.when == "teardown" and EXPORTED in item.stash:
        del item.stash[EXPORTED]
    return report


def _sections(exported: Exported | None) -> Iterator[tuple[str, str]]:
    if (snapshot := aurora_otel.snapshot()).active:
        yield "the agent's snapshot", pformat(snapshot, width=100)
        yield "where the agent's threads are", "\n".join(_stacks())
    if exported is not None:
        yield "the agent's last spans", "\n".join(_spans(exported))
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


def _stacks() -> Iterator[str]:
    frames = sys._current_frames()
    for thread in threading.enumerate():
        if thread.name.startswith("aurora-otel") and (frame := frames.get(thread.ident or 0)):
            yield f"{thread.name}:\n{''.join(traceback.format_stack(frame)[-LINES:])}"


def _spans(exported: Exported) -> Iterator[str]:
    for span in exported.exporter.get_finished_spans()[-SPANS:]:
        began, ended = ((at or 0) / 1e9 for at in (span.start_time, span.end_time))
        events = [(event.name, dict(event.attributes or {})) for event in span.events]
        facts = f"{dict(span.attributes or {})} {events or ''}"
        yield f"{_clock(began)} {ended - began:.3f} s {span.name} {facts}"
