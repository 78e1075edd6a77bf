"""Panels about a failover, second half: its duration, what was invalidated, the refreshes."""

from __future__ import annotations

from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from aurora_otel.dashboards.panels import (
    COUNT,
    GREEN,
    NO_AGENT,
    RED,
    SECONDS,
    SHARE,
    YELLOW,
    About,
    Panel,
    Query,
    lines,
    number,
    rows,
)
from aurora_otel.dashboards.promql import (
    CLUSTER,
    JOB,
    PROCESS,
    RANGE,
    RATE,
    SHOWN,
    STEP,
    is_,
    max_by,
    sum_by,
)
from aurora_otel.model.groups import Outcome
from aurora_otel.telemetry import names
from aurora_otel.telemetry.prometheus import label

_SLOW = ((None, GREEN), (1.0, YELLOW), (10.0, RED))


def _quantiles(metric: names.Metric) -> tuple[Query, ...]:
    return tuple(
        Query(SHOWN.quantile(share, metric), legend)
        for share, legend in ((0.5, "half within"), (0.9, "90 % within"), (0.99, "99 % within"))
    )


def one_by_one() -> Panel:
    """Return what shows each failover, and how long it took."""
    processes = f"count by ({JOB}, {CLUSTER}) ({SHOWN.durations(names.DETECTION, STEP)})"
    by = f"{JOB}, {CLUSTER}"
    return rows(
        About(
            "Failovers, one by one",
            "Each change of the writer as a service saw it, at the end of the step in which it was "
            "confirmed. *Detection* runs from the first symptom to the confirmed topology: seconds "
            "are Aurora's own, much more: see *Failing refreshes*. *Clean-up* runs from there to "
            "the last stale connection shut down: milliseconds; if not, the machines lack "
            "processor time. Both are those of the slowest process.",
            COUNT,
            "No failover within the shown time",
            width=24,
        ),
        {JOB: "service", CLUSTER: "cluster"},
        Query(processes, "processes"),
        Query(max_by(by, SHOWN.durations(names.DETECTION, STEP)), "detection", SECONDS),
        Query(max_by(by, SHOWN.durations(names.CLEANUP, STEP)), "clean-up", SECONDS),
        over_time=True,
    )


def symptoms() -> Panel:
    """Return what shows the symptoms that they noticed first."""
    return lines(
        About(
            "Processes that noticed, by first symptom",
            "How processes found out. *stuck* means that calls hung: set connect_timeout and TCP "
            "keepalives. *topology* means that a refresh showed it before any call failed.",
            COUNT,
            "No Aurora cluster is known",
            width=12,
        ),
        Query(
            sum_by(label(names.SYMPTOM), SHOWN.increase(names.FAILOVERS, RATE)),
            f"{{{{{label(names.SYMPTOM)}}}}}",
        ),
        bars=True,
    )


def control_plane() -> Panel:
    """Return what shows RDS's own reports, beside the clients'."""
    kind = label(names.EVENT_KIND)
    return lines(
        About(
            "Events from RDS",
            "RDS's own events about failovers, where services may ask its API. *started* and "
            "*completed* stand beside what the processes noticed; without any, RDS lags or no "
            "service may ask it. *failed* and *reverted*: see the RDS console. *disagreements*: it "
            "still named the old writer, which is its lag.",
            COUNT,
            "No service asks the RDS API: set RDS_API=on",
            width=12,
        ),
        Query(
            max_by(
                kind,
                sum_by(f"{kind}, {CLUSTER}, {PROCESS}", SHOWN.increase(names.EVENTS, RATE)),
            ),
            f"{{{{{kind}}}}}",
        ),
        Query(sum_by("", SHOWN.increase(names.DISAGREEMENTS, RATE)), "disagreements"),
        bars=True,
    )


def by_service() -> Panel:
    """Return what shows how many connections each service lost."""
    closed = is_(names.INVALIDATION_OUTCOME, Outcome.CLOSED.value)
    return lines(
        About(
            "Invalidated connections by service",
            "Connections whose socket was shut down: their owners reconnect. Expect a peak at each "
            "failover, as high as the service's pools. At other times: DNS led connections to a "
            "reader, see the misroutes.",
            COUNT,
            NO_AGENT,
        ),
        Query(sum_by(JOB, SHOWN.increase(names.INVALIDATIONS, RATE, closed)), f"{{{{{JOB}}}}}"),
        bars=True,
    )


def by_cause() -> Panel:
    """Why, and with what success."""
    cause, outcome = label(names.INVALIDATION_CAUSE), label(names.INVALIDATION_OUTCOME)
    return lines(
        About(
            "Invalidated connections by cause and outcome",
            "*writer_changed* belongs to a failover. *misrouted* came through the writer endpoint "
            "to a reader: the DNS cache is too old. *failed* stays open: restart that service. "
            "*observed* would have been closed in the mode cleanup.",
            COUNT,
            NO_AGENT,
        ),
        Query(
            sum_by(f"{cause}, {outcome}", SHOWN.increase(names.INVALIDATIONS, RATE)),
            f"{{{{{cause}}}}}, {{{{{outcome}}}}}",
        ),
        bars=True,
    )


def not_closed() -> Panel:
    """Return what shows the connections that had to stay open."""
    others = f'{label(names.INVALIDATION_OUTCOME)}!="{Outcome.CLOSED.value}"'
    return number(
        About(
            "Stale, but not closed",
            "Stale connections within the shown time that stayed open: the socket could not be "
            "shut down, or the mode is observe. Restart the services that hold them, and see the "
            "limits of their driver.",
            COUNT,
            NO_AGENT,
            ((None, GREEN), (0.5, RED)),
        ),
        Query(sum_by("", SHOWN.increase(names.INVALIDATIONS, RANGE, others)), "not closed"),
    )


def refreshes() -> Panel:
    """Return what shows how often, and with what error, topologies are refreshed."""
    source, error = label(names.TOPOLOGY_SOURCE), label(ERROR_TYPE)
    return lines(
        About(
            "Refreshes by source and error",
            "Refreshes of the topology; without an error they were answered. Some fail while a "
            "failover lasts. If they go on failing, the error's type says why: a login that no "
            "longer works, a network without a way to the instances, a missing privilege.",
            COUNT,
            "The topology has not been refreshed yet",
        ),
        Query(
            sum_by(f"{source}, {error}", SHOWN.measured(names.REFRESH, RATE)),
            f"{{{{{source}}}}} {{{{{error}}}}}",
        ),
        bars=True,
    )


def durations() -> Panel:
    """Return what shows how long a refresh takes."""
    return lines(
        About(
            "Duration of a refresh",
            "Over all refreshes since the processes started. About REFRESH_TIMEOUT means that an "
            "instance does not answer: expected for a dead one, else check the security groups.",
            SECONDS,
            "The topology has not been refreshed yet",
            _SLOW,
        ),
        *_quantiles(names.REFRESH),
    )


def failing() -> Panel:
    """Return what shows how many refreshes confirmed no writer."""
    everything = SHOWN.measured(names.REFRESH, RANGE)
    failed = SHOWN.measured(names.REFRESH, RANGE, f'{label(ERROR_TYPE)}!=""')
    return number(
        About(
            "Failing refreshes",
            "Share of the refreshes within the shown time that confirmed no topology. While "
            "this is 100 %, no failover can be cleaned up: follow the runbook of the alert "
            "AuroraTopologyRefreshFailing.",
            SHARE,
            "The topology has not been refreshed yet",
            ((None, GREEN), (0.5, YELLOW), (0.95, RED)),
        ),
        Query(
            f"(sum({failed}) or 0 * sum({everything})) / sum({everything})",
            "failing",
        ),
    )
