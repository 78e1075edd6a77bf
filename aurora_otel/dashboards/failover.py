"""*Aurora failover*: one failover close up.

From top to bottom it answers, in this order: is a failover going on, which instance is the writer,
how many connections still point to the wrong place, in which services, is it over; then how fast it
went, what was invalidated, and how the looks at the topology fared.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from aurora_otel.dashboards.frame import FAILOVER, Row, dashboard
from aurora_otel.dashboards.panels import (
    COUNT,
    GREEN,
    RED,
    SECONDS,
    SHARE,
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
    SHOWN,
    is_,
    sum_by,
)
from aurora_otel.telemetry import names
from aurora_otel.telemetry.prometheus import label
from aurora_otel.tracker import Outcome

_RATE = "$__rate_interval"
_RANGE = "$__range"
_NO_AGENT = "No agent reports"
_NO_FAILOVER = "No failover has been measured yet"
_SLOW = ((None, GREEN), (1.0, YELLOW), (10.0, RED))

_UNAWARE = SHOWN.unaware(_RANGE)
_WRONG = f"({SHOWN.stale()} + (sum({_UNAWARE}) or vector(0)))"
_JUST_NOW = f"((max({SHOWN.failovers(_RATE)}) > bool 0) or vector(0))"
_PLACE = f"{PROCESS}, {CLUSTER}, {AURORA_INSTANCE}"


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        FAILOVER,
        "Aurora failover",
        "One failover close up: is one going on, who is the writer, what still points to the wrong "
        "instance, and is it over.",
        (
            Row("Is it over?", (_state(), _writer(), _stale(), _missed(), _failovers(), _agents())),
            Row("Where connections still point to the wrong instance", (_services(), _places())),
            Row("Who is the writer", (_timeline(), _moves())),
            Row("How fast", (_detection(), _cleanup(), _symptoms())),
            Row("What was invalidated", (_by_service(), _by_cause(), _not_closed())),
            Row("Looks at the topology", (_looks(), _durations(), _failing())),
        ),
    )


def _state() -> Panel:
    return number(
        About(
            "Is a failover going on?",
            "What all processes report now. *Cleaned up*: the writer has changed within the last "
            "minutes, and nothing points to the wrong instance any more: watch the writes. "
            "*Connections left*: look below in which services; if it lasts, follow the runbook of "
            "the alert AuroraStaleConnections or AuroraFailoverWithoutCleanup.",
            COUNT,
            _NO_AGENT,
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


def _writer() -> Panel:
    return number(
        About(
            "Writer",
            "The instance that processes take for the writer, and how many of them do: those that "
            "have learnt something within their refresh window, else what is known from open "
            "connections. Two instances mean that some have not noticed yet: a process finds out "
            "with its next call. If both stay, look at *Who is the writer*.",
            COUNT,
            "No process knows a writer",
            width=6,
            height=5,
        ),
        Query(SHOWN.writer(), f"{{{{{CLUSTER}}}}}: {{{{{AURORA_INSTANCE}}}}}"),
        names=True,
    )


def _stale() -> Panel:
    return number(
        About(
            "Stale connections",
            "Open connections whose process knows that they point to the wrong instance. Seconds "
            "after a failover this is 0. If it stays above 0, sockets could not be shut down, or "
            "the mode is observe: restart the services listed below.",
            COUNT,
            _NO_AGENT,
            ZERO_IS_GOOD,
            width=3,
            height=5,
        ),
        Query(SHOWN.stale(), "stale"),
    )


def _missed() -> Panel:
    return number(
        About(
            "Not noticed yet",
            "Connections of processes that have not noticed a failover which others went through "
            "within the shown time. Each such process finds out with its next write, and loses at "
            "most one per thread. If they are to be ready now, restart the services listed below.",
            COUNT,
            _NO_AGENT,
            ZERO_IS_GOOD,
            width=3,
            height=5,
        ),
        Query(f"sum({_UNAWARE}) or 0 * sum({SHOWN.of(names.COUNT)})", "not noticed"),
    )


def _failovers() -> Panel:
    return number(
        About(
            "Failovers",
            "Changes of the writer within the shown time, as the maximum over processes, since "
            "each counts the same one. More than you know of: look at the cluster's events.",
            COUNT,
            "No Aurora cluster is known",
            ((None, GREEN), (0.5, YELLOW)),
            width=3,
            height=5,
        ),
        Query(f"max({SHOWN.failovers(_RANGE)})", "failovers"),
    )


def _agents() -> Panel:
    return number(
        About(
            "Processes reporting",
            "Processes whose agent reports now. Fewer than run: an agent went silent, follow the "
            "runbook of the alert AuroraAgentSilent. What they hold is missing on this page.",
            COUNT,
            _NO_AGENT,
            ((None, GREEN),),
            width=3,
            height=5,
        ),
        Query(f"count(count by ({PROCESS}) ({SHOWN.of(names.COUNT)}))", "processes"),
    )


def _services() -> Panel:
    return lines(
        About(
            "Stale connections by service",
            "Back to 0 is the end of the failover for a service. One that stays up needs a "
            "restart; if its mode is observe, switch it to cleanup.",
            COUNT,
            _NO_AGENT,
            ZERO_IS_GOOD,
            width=12,
        ),
        Query(SHOWN.stale(JOB), f"{{{{{JOB}}}}}"),
        stacked=True,
    )


def _places() -> Panel:
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
        Query(f"{SHOWN.stale(_PLACE)} > 0 or {_UNAWARE}"),
        {
            JOB: "service",
            INSTANCE: "process",
            CLUSTER: "cluster",
            AURORA_INSTANCE: "wrong instance",
        },
    )


def _timeline() -> Panel:
    writer = SHOWN.of(names.WRITER)
    return timeline(
        About(
            "Writer by instance",
            "What processes have learnt within their refresh window. *Disagree*: some have noticed "
            "the failover and others have not, which ends when they use a connection or their "
            "window closes. Gaps: nobody had a reason to look.",
            "none",
            "Nobody has looked at the topology in the shown time",
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


def _moves() -> Panel:
    return lines(
        About(
            "Open connections by instance",
            "Connections leave the old writer and come back on the new one. If the new writer gets "
            "none, look at the service's errors: it may not reconnect.",
            COUNT,
            _NO_AGENT,
            width=12,
        ),
        Query(
            sum_by(f"{CLUSTER}, {AURORA_INSTANCE}", SHOWN.of(names.COUNT)),
            f"{{{{{CLUSTER}}}}}: {{{{{AURORA_INSTANCE}}}}}",
        ),
    )


def _quantiles(metric: names.Metric) -> tuple[Query, ...]:
    return tuple(
        Query(SHOWN.quantile(share, metric), legend)
        for share, legend in ((0.5, "half within"), (0.9, "90 % within"), (0.99, "99 % within"))
    )


def _detection() -> Panel:
    return lines(
        About(
            "Detection",
            "From the first symptom to the confirmed topology, over all failovers that the "
            "processes have measured since they started. Seconds are Aurora's own: until the "
            "topology names the new writer, nobody can know. Much more: look at *Failing looks*.",
            SECONDS,
            _NO_FAILOVER,
            _SLOW,
        ),
        *_quantiles(names.DETECTION),
    )


def _cleanup() -> Panel:
    return lines(
        About(
            "Clean-up",
            "From the confirmed topology to the last stale connection shut down, over all "
            "failovers that the processes have measured since they started. This is milliseconds; "
            "if not, the machines lack processor time.",
            SECONDS,
            _NO_FAILOVER,
            _SLOW,
        ),
        *_quantiles(names.CLEANUP),
    )


def _symptoms() -> Panel:
    return lines(
        About(
            "Processes that noticed, by first symptom",
            "How processes found out. *stuck* means that calls hung: set connect_timeout and TCP "
            "keepalives. *topology* means that a look showed it before any call failed.",
            COUNT,
            "No Aurora cluster is known",
        ),
        Query(
            sum_by(label(names.SYMPTOM), SHOWN.increase(names.FAILOVERS, _RATE)),
            f"{{{{{label(names.SYMPTOM)}}}}}",
        ),
        bars=True,
    )


def _by_service() -> Panel:
    closed = is_(names.INVALIDATION_OUTCOME, Outcome.CLOSED.value)
    return lines(
        About(
            "Invalidated connections by service",
            "Connections whose socket was shut down: their owners reconnect. Expect a peak at each "
            "failover, as high as the service's pools. At other times: DNS led connections to a "
            "reader, look at the misroutes.",
            COUNT,
            _NO_AGENT,
        ),
        Query(sum_by(JOB, SHOWN.increase(names.INVALIDATIONS, _RATE, closed)), f"{{{{{JOB}}}}}"),
        bars=True,
    )


def _by_cause() -> Panel:
    cause, outcome = label(names.INVALIDATION_CAUSE), label(names.INVALIDATION_OUTCOME)
    return lines(
        About(
            "Invalidated connections by cause and outcome",
            "*writer_changed* belongs to a failover. *misrouted* came through the writer endpoint "
            "to a reader: the DNS cache is too old. *failed* stays open: restart that service. "
            "*observed* would have been closed in the mode cleanup.",
            COUNT,
            _NO_AGENT,
        ),
        Query(
            sum_by(f"{cause}, {outcome}", SHOWN.increase(names.INVALIDATIONS, _RATE)),
            f"{{{{{cause}}}}}, {{{{{outcome}}}}}",
        ),
        bars=True,
    )


def _not_closed() -> Panel:
    others = f'{label(names.INVALIDATION_OUTCOME)}!="{Outcome.CLOSED.value}"'
    return number(
        About(
            "Stale, but not closed",
            "Stale connections within the shown time that stayed open: the socket could not be "
            "shut down, or the mode is observe. Restart the services that hold them, and see the "
            "limits of their driver.",
            COUNT,
            _NO_AGENT,
            ((None, GREEN), (0.5, RED)),
        ),
        Query(sum_by("", SHOWN.increase(names.INVALIDATIONS, _RANGE, others)), "not closed"),
    )


def _looks() -> Panel:
    source, error = label(names.TOPOLOGY_SOURCE), label(ERROR_TYPE)
    return lines(
        About(
            "Looks by source and error",
            "Looks at the topology; without an error they were answered. Some fail while a "
            "failover lasts. If they go on failing, the error's type says why: a login that no "
            "longer works, a network without a way to the instances, a missing privilege.",
            COUNT,
            "Nobody has looked at the topology yet",
        ),
        Query(
            sum_by(f"{source}, {error}", SHOWN.measured(names.REFRESH, _RATE)),
            f"{{{{{source}}}}} {{{{{error}}}}}",
        ),
        bars=True,
    )


def _durations() -> Panel:
    return lines(
        About(
            "Duration of a look",
            "Over all looks since the processes started. About REFRESH_TIMEOUT means that an "
            "instance does not answer: expected for a dead one, else look at the security groups.",
            SECONDS,
            "Nobody has looked at the topology yet",
            _SLOW,
        ),
        *_quantiles(names.REFRESH),
    )


def _failing() -> Panel:
    everything = SHOWN.measured(names.REFRESH, _RANGE)
    failed = SHOWN.measured(names.REFRESH, _RANGE, f'{label(ERROR_TYPE)}!=""')
    return number(
        About(
            "Failing looks",
            "Share of the looks within the shown time that brought no confirmed topology. While "
            "this is 100 %, no failover can be cleaned up: follow the runbook of the alert "
            "AuroraTopologyRefreshFailing.",
            SHARE,
            "Nobody has looked at the topology yet",
            ((None, GREEN), (0.5, YELLOW), (0.95, RED)),
        ),
        Query(
            f"(sum({failed}) or 0 * sum({everything})) / sum({everything})",
            "failing",
        ),
    )
