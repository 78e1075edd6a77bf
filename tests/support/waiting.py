"""Waiting for what comes in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

# Seconds that whatever comes at all may take on a machine that many share.
PATIENCE = 45.0
# For the agent in a program, on such a machine: to identify a connection, and to find the writer.
PATIENT = {"AURORA_OTEL_IDENTIFY_TIMEOUT": "20", "AURORA_OTEL_REFRESH_TIMEOUT": "5"}


def eventually(condition: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """Wait until `condition` is true; a test's way of not guessing at durations."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.02)
    return found
