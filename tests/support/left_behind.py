"""What a test may not leave changed: whatever test comes next in its process would meet it.

Which one comes next differs from run to run, and so the next one would fail in few of them.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

_LOGGERS = ("root", "aurora_otel", "asyncio", "opentelemetry")
_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGTERM, signal.SIGUSR1)
# pytest's own, different from test to test.
_PYTEST = "PYTEST_"


def process_state() -> dict[str, Any]:
    """Return what the tests of a process share, each by its name."""
    state: dict[str, Any] = {"working directory": os.getcwd()}  # noqa: PTH109 -- as the system has it
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        state[f"logger {name}"] = (logger.level, [*logger.handlers], logger.disabled)
    for number in _SIGNALS:
        state[number.name] = signal.getsignal(number)
    for name, value in os.environ.items():
        if not name.startswith(_PYTEST):
            state[f"environment variable {name}"] = value
    return state


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    before = process_state()
    yield
    after = process_state()
    changed = {
        name: (before.get(name), after.get(name))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }
    assert not changed, f"left changed, from and to: {changed}"
