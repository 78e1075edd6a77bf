"""The panels about connects: those that failed, those that went past DNS, and their durations."""

from __future__ import annotations

from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from aurora_otel.dashboards.panels import (
    COUNT,
    NO_AGENT,
    SECONDS,
    ZERO_IS_BETTER,
    About,
    Panel,
    Query,
    lines,
)
from aurora_otel.dashboards.promql import AURORA_INSTANCE, CLUSTER, JOB, RATE, SHOWN, sum_by
from aurora_otel.telemetry import names
from aurora_otel.telemetry.prometheus import label


def panels() -> tuple[Panel, ...]:
    """Return them in their order."""
    return (_failed(), _straight(), _durations())


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
        ),
        Query(
            sum_by(f"{JOB}, {error}", SHOWN.increase_from_birth(names.FAILURES, RATE)),
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
        ),
        Query(
            sum_by(f"{JOB}, {reason}", SHOWN.increase(names.STRAIGHT, RATE)),
            f"{{{{{JOB}}}}}: {{{{{reason}}}}}",
        ),
        bars=True,
    )


def _durations() -> Panel:
    by = f"{CLUSTER}, {AURORA_INSTANCE}"
    return lines(
        About(
            "Time to open a connection, by instance",
            "The average from the application's call until the connection was identified. One "
            "instance that is slower than the others is busy or far; all of them: TLS, DNS, or a "
            "proxy in between. Above REFRESH_TIMEOUT, callers notice.",
            SECONDS,
            "No connection was opened within the shown time",
        ),
        Query(
            SHOWN.average(names.OPEN_DURATION, by),
            f"{{{{{CLUSTER}}}}}: {{{{{AURORA_INSTANCE}}}}}",
        ),
    )
