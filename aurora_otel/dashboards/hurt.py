"""Panels about users: what fails for them, by service, while the writer changes."""

from __future__ import annotations

from aurora_otel.dashboards.panels import (
    COUNT,
    GREEN,
    NO_AGENT,
    RED,
    SECONDS,
    YELLOW,
    ZERO_IS_GOOD,
    About,
    Panel,
    Query,
    lines,
)
from aurora_otel.dashboards.promql import JOB, RATE, SHOWN, max_by, sum_by
from aurora_otel.telemetry import names

_NAME = f"{{{{{JOB}}}}}"


def panels() -> tuple[Panel, ...]:
    """Return them in their order."""
    return (_refused(), _failed(), _longest())


def _refused() -> Panel:
    return lines(
        About(
            "Refused writes, by service",
            "Writes that a database refused because it is a reader: each is an error that a user "
            "may have met. Back to 0 is the end of the failover for a service. If it goes on, the "
            "service holds connections to the old writer, or writes in transactions of its own "
            "that are read-only.",
            COUNT,
            NO_AGENT,
            ZERO_IS_GOOD,
        ),
        Query(sum_by(JOB, SHOWN.increase(names.REFUSALS, RATE)), _NAME),
        bars=True,
    )


def _failed() -> Panel:
    return lines(
        About(
            "Failed connects, by service",
            "Connects that failed, also where the agent repeated them and the application noticed "
            "nothing. Some come with each failover. Which errors they are is on the dashboard "
            "*Aurora connections*.",
            COUNT,
            NO_AGENT,
            ZERO_IS_GOOD,
        ),
        Query(
            f"{sum_by(JOB, SHOWN.increase_from_birth(names.FAILURES, RATE))}"
            f" or 0 * {sum_by(JOB, SHOWN.of(names.COUNT))}",
            _NAME,
        ),
        bars=True,
    )


def _longest() -> Panel:
    detection, cleanup = (SHOWN.durations(each, RATE) for each in (names.DETECTION, names.CLEANUP))
    return lines(
        About(
            "Longest without a writer, by service",
            "From the first symptom of a failover to the end of the clean-up, in the slowest "
            "process of a service: until then the writes of that process were refused, lost or "
            "waiting. A service that writes all the time accepted none for about that long. "
            "Minutes: Aurora had no writer, or the topology could not be read.",
            SECONDS,
            "No failover within the shown time",
            ((None, GREEN), (5.0, YELLOW), (60.0, RED)),
        ),
        Query(max_by(JOB, f"{detection} + {cleanup}"), _NAME),
        bars=True,
    )
