"""The threads of this process, by what they are called."""

from __future__ import annotations

import sys
import threading
import traceback

ASK = "aurora-otel-ask"
BACKGROUND = "aurora-otel-background"
RDS_API = "aurora-otel-rds-api"
REFRESH = "aurora-otel-refresh"
REPORTER = "aurora-otel-reporter"


def threads(name: str) -> list[threading.Thread]:
    """Return the threads of this name that have begun, and not ended."""
    return [each for each in threading.enumerate() if each.name == name]


def stacks(those: list[threading.Thread]) -> str:
    """Return where each thread is at the moment."""
    frames = sys._current_frames()
    there = ((each.name, frames.get(each.ident or 0)) for each in those)
    return "\n".join(f"{name}:\n{''.join(traceback.format_stack(at))}" for name, at in there if at)
