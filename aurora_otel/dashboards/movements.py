"""The panels about how connections come and go."""

from __future__ import annotations

from aurora_otel.dashboards.panels import (
    NO_AGENT,
    PER_SECOND,
    SECONDS,
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
    return (_opens(), _closes(), _lifetime())


def _opens() -> Panel:
    kind = label(names.ENDPOINT_TYPE)
    opened = f"rate({SHOWN.of(names.OPENS)}[{RATE}])"
    return lines(
        About(
            "Opened, by endpoint",
            "Connections opened per second, by what the application connected to. A steady high "
            "rate means that nothing pools: each costs Aurora a process and the service "
            "milliseconds. A peak follows each failover.",
            PER_SECOND,
            NO_AGENT,
        ),
        Query(sum_by(kind, opened), f"{{{{{kind}}}}}"),
    )


def _closes() -> Panel:
    closed = f"rate({SHOWN.of(names.CLOSES)}[{RATE}])"
    return lines(
        About(
            "Closed by the application",
            "Connections closed per second, by service, without those that had been invalidated. "
            "Far below the opens: see the prunes and leaks.",
            PER_SECOND,
            NO_AGENT,
        ),
        Query(sum_by(JOB, closed), f"{{{{{JOB}}}}}"),
    )


def _lifetime() -> Panel:
    return lines(
        About(
            "Lifetime",
            "How long connections were open, of all that ended since the processes started. "
            "Seconds: nothing pools. Weeks: they miss changes of the network; give the pool a "
            "maximum lifetime.",
            SECONDS,
            "No connection has ended yet",
        ),
        *(
            Query(SHOWN.quantile(share, names.LIFETIME), legend)
            for share, legend in ((0.5, "half within"), (0.9, "90 % within"))
        ),
    )
