"""Panels about a failover, first half: what is true now, and where."""

from __future__ import annotations

from aurora_otel.dashboards.panels import (
    COUNT,
    GREEN,
    NO_AGENT,
    RED,
    YELLOW,
    ZERO_IS_GOOD,
    About,
    Meaning,
    Panel,
    Query,
    lines,
    number,
    rows,
    timeline,
)
from aurora_otel.dashboards.promql import (
    AURORA_INSTANCE,
    CLUSTER,
    INSTANCE,
    JOB,
    PROCESS,
    RANGE,
    RATE,
    SHOWN,
    sum_by,
)
from aurora_otel.telemetry import names

_UNAWARE = SHOWN.unaware(RANGE)
_WRONG = f"({SHOWN.stale()} + (sum({_UNAWARE}) or vector(0)))"
_JUST_NOW = f"((max({SHOWN.failovers(RATE)}) > bool 0) or vector(0))"
_PLACE = f"{PROCESS}, {CLUSTER}, {AURORA_INSTANCE}"


def state() -> Panel:
    """Return what shows whether a failover is going on."""
    return number(
        About(
            "Is a failover going on?",
            "What all processes report now. *Cleaned up*: the writer has changed within the last "
            "minutes, and nothing points to the wrong instance any more: watch the writes. "
            "*Connections left*: see below in which services; if it lasts, follow the runbook of "
            "the alert AuroraStaleConnections or AuroraFailoverWithoutCleanup.",
            COUNT,
            NO_AGENT,
            ((None, GREEN), (1.0, YELLOW), (2.0, RED)),
            width=6,
            height=5,
        ),
        Query(f"2 * ({_WRONG} > bool 0) + {_JUST_NOW}", "state"),
        meanings=(
            Meaning("No", GREEN, 0),
            Meaning("Just now, cleaned up", YELLOW, 1),
            Meaning("Connections left", RED, 2, 3),
        ),
    )


def writer() -> Panel:
    """Who the writer is."""
    return number(
        About(
            "Writer",
            "The instance that processes take for the writer: those that have learnt something "
            "within their refresh window, else what is known from open connections. Two instances "
            "of a cluster mean that some have not noticed yet: a process finds out with its next "
            "write. If both stay, see *Writer by instance*.",
            COUNT,
            "No process knows a writer",
            width=6,
            height=5,
        ),
        Query(SHOWN.writer(), f"{{{{{CLUSTER}}}}}: {{{{{AURORA_INSTANCE}}}}}"),
        names=True,
    )


def stale() -> Panel:
    """Return what shows connections that are known to point to the wrong instance."""
    return number(
        About(
            "Stale connections",
            "Open connections whose process knows that they point to the wrong instance. Seconds "
            "after a failover this is 0. If it stays above 0, sockets could not be shut down, or "
            "the mode is observe: restart the services listed below.",
            COUNT,
            NO_AGENT,
            ZERO_IS_GOOD,
            width=3,
            height=5,
        ),
        Query(SHOWN.stale(), "stale"),
    )


def missed() -> Panel:
    """Return what shows connections that point there without their process's knowing."""
    return number(
        About(
            "Not noticed yet",
            "Connections of processes that have not noticed a failover which others went through "
            "within the shown time. Each such process finds out with its next write, and loses at "
            "most one per thread. If they are to be ready now, restart the services listed below.",
            COUNT,
            NO_AGENT,
            ZERO_IS_GOOD,
            width=3,
            height=5,
        ),
        Query(f"sum({_UNAWARE}) or 0 * sum({SHOWN.of(names.COUNT)})", "not noticed"),
    )


def failovers() -> Panel:
    """Return what shows how many failovers there were."""
    return number(
        About(
            "Failovers",
            "Changes of the writer within the shown time, as the maximum over processes, since "
            "each counts the same one. More than you know of: see the cluster's events.",
            COUNT,
            "No Aurora cluster is known",
            ((None, GREEN), (0.5, YELLOW)),
            width=3,
            height=5,
        ),
        Query(f"sum({SHOWN.failovers(RANGE)})", "failovers"),
    )


def agents() -> Panel:
    """Return what shows whether any process reports at all."""
    return number(
        About(
            "Processes reporting",
            "Processes whose agent reports now. Fewer than run: an agent went silent, follow the "
            "runbook of the alert AuroraAgentSilent. What they hold is missing on this page.",
            COUNT,
            NO_AGENT,
            ((None, GREEN),),
            width=3,
            height=5,
        ),
        Query(f"count(count by ({PROCESS}) ({SHOWN.of(names.COUNT)}))", "processes"),
    )


def services() -> Panel:
    """Which services are concerned."""
    return lines(
        About(
            "Stale connections by service",
            "Back to 0 is the end of the failover for a service. One that stays up needs a "
            "restart; if its mode is observe, switch it to cleanup.",
            COUNT,
            NO_AGENT,
            ZERO_IS_GOOD,
            width=12,
        ),
        Query(SHOWN.stale(JOB), f"{{{{{JOB}}}}}"),
        stacked=True,
    )


def places() -> Panel:
    """Which processes are."""
    return rows(
        About(
            "Processes with connections to the wrong instance",
            "Each process that holds connections to an instance that is not the writer: known to "
            "be stale, or of a process that has not noticed the failover. Restart these first.",
            COUNT,
            "None: nothing that reports points to the wrong instance",
            ((None, RED),),
            width=12,
        ),
        {
            JOB: "service",
            INSTANCE: "process",
            CLUSTER: "cluster",
            AURORA_INSTANCE: "wrong instance",
        },
        Query(f"{SHOWN.stale(_PLACE)} > 0 or {_UNAWARE}", "connections"),
    )


def writers() -> Panel:
    """Who was the writer when."""
    writer = SHOWN.of(names.WRITER)
    return timeline(
        About(
            "Writer by instance",
            "What processes have learnt within their refresh window. *Disagree*: some have noticed "
            "the failover and others have not, which ends when they use a connection or their "
            "window closes. Gaps: no process had a reason to refresh it.",
            "none",
            "The topology was not refreshed in the shown time",
            ((None, GREEN),),
            width=12,
        ),
        Query(
            f"avg by ({CLUSTER}, {AURORA_INSTANCE}) ({writer})",
            f"{{{{{CLUSTER}}}}}: {{{{{AURORA_INSTANCE}}}}}",
        ),
        (
            Meaning("reader", "blue", 0),
            Meaning("writer", GREEN, 1),
            Meaning("disagree", YELLOW, 0.000001, 0.999999),
        ),
    )


def moves() -> Panel:
    """Return what shows how connections move."""
    return lines(
        About(
            "Open connections by instance",
            "Connections leave the old writer and come back on the new one. If the new writer gets "
            "none, see the service's errors: it may not reconnect.",
            COUNT,
            NO_AGENT,
            width=12,
        ),
        Query(
            sum_by(f"{CLUSTER}, {AURORA_INSTANCE}", SHOWN.of(names.COUNT)),
            f"{{{{{CLUSTER}}}}}: {{{{{AURORA_INSTANCE}}}}}",
        ),
    )
