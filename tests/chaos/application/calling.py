"""What threads and tasks that use the database have in common."""

from __future__ import annotations

import contextlib
import random
import time
import traceback
from collections.abc import Iterator
from typing import Any

from tests.chaos.application.database import tracked
from tests.chaos.application.reporting import Reporter
from tests.chaos.facts import Wrote

# Seconds between two turns: the machine has others to serve.
_PACE = 0.05


class Caller:
    """Uses the database, turn by turn.

    Args:
        called: its name.
        errors: what its driver or pool raises.
        reporter: takes what it reports.
    """

    def __init__(self, called: str, errors: Any, reporter: Reporter) -> None:
        self.called = called
        self.errors = errors
        self.reporter = reporter
        self.chance = random.Random(called)

    def pause(self) -> float:
        """Return the seconds until its next turn."""
        return _PACE * (0.5 + self.chance.random())

    @contextlib.contextmanager
    def calling(self, what: str) -> Iterator[None]:
        """Run the block; what its driver raises is counted, anything else is reported."""
        try:
            yield
        except self.errors as error:
            self.reporter.count(f"error {_kind(error)}")
        except Exception as error:  # noqa: BLE001 - any other exception is a finding
            self.reporter.raised(f"{self.called}, {what}", error, traceback.format_exc())

    def wrote(self, begun: float, instance: str, connection: Any) -> None:
        """Report that a write was accepted."""
        self.reporter.count("writes")
        self.reporter.report(Wrote(time.monotonic(), begun, instance, tracked(connection)))


def _kind(error: Any) -> str:
    original = getattr(error, "orig", None) or error
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if original.args and isinstance(original.args[0], int):
        state = original.args[0]
    return f"{type(error).__name__}{f' {state}' if state else ''}"
