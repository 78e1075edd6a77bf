"""The threads of this process, by what they are called."""

from __future__ import annotations

import threading

ASK = "aurora-otel-ask"
BACKGROUND = "aurora-otel-background"
RDS_API = "aurora-otel-rds-api"
REFRESH = "aurora-otel-refresh"
REPORTER = "aurora-otel-reporter"


def threads(name: str) -> list[threading.Thread]:
    """Return the threads of this name that have begun, and not ended."""
    return [each for each in threading.enumerate() if each.name == name]
