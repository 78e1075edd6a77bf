"""The panels about connects: those that failed, and those that went straight to the writer."""

from __future__ import annotations

from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from aurora_otel.dashboards.panels import (
    COUNT,
    NO_AGENT,
    ZERO_IS_BETTER,
    About,
    Panel,
    Query,
    lines,
)
from aurora_otel.dashboards.promql import JOB, RATE, SHOWN, sum_by
from aurora_otel.telemetry import names
from aurora_otel.telemetry.prometheus import label


def panels() -> tuple[Panel, ...]:
    """Return them in their order."""
    return (_failed(), _straight())


def _failed() -> Panel:
    error = label(ERROR_TYPE)
    return lines(
        About(
            "Failed connects, by error",
            "Connects that failed, also where the agent repeated them straight at the writer and "
            "the application noticed nothing. They come with failovers; if they go on without one, "
            "the logins, the network or the number of connections are at fault.",
            COUNT,
            NO_AGENT,
            ZERO_IS_BETTER,
            width=12,
        ),
        Query(
            sum_by(f"{JOB}, {error}", SHOWN.increase(names.FAILURES, RATE)),
            f"{{{{{JOB}}}}}: {{{{{error}}}}}",
        ),
        bars=True,
    )


def _straight() -> Panel:
    reason = label(names.STRAIGHT_REASON)
    return lines(
        About(
            "Straight to the writer, by reason",
            "Connections that went to the confirmed writer itself, because the writer endpoint's "
            "name led elsewhere. They end when the name has followed the failover.",
            COUNT,
            NO_AGENT,
            width=12,
        ),
        Query(
            sum_by(f"{JOB}, {reason}", SHOWN.increase(names.STRAIGHT, RATE)),
            f"{{{{{JOB}}}}}: {{{{{reason}}}}}",
        ),
        bars=True,
    )
