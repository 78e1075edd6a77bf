"""*Aurora connections*: the fleet, day by day.

From top to bottom: how many connections there are and where, how they come and go, what should not
happen, which connects failed or went past a name, and the states of the pools that hold them.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from aurora_otel.dashboards import connects, pools
from aurora_otel.dashboards.frame import CONNECTIONS, Row, dashboard
from aurora_otel.dashboards.panels import (
    BLUE,
    COUNT,
    GREEN,
    NO_AGENT,
    PER_SECOND,
    SECONDS,
    YELLOW,
    ZERO_IS_GOOD,
    About,
    Panel,
    Query,
    lines,
    number,
)
from aurora_otel.dashboards.promql import (
    AURORA_INSTANCE,
    CLUSTER,
    JOB,
    PROCESS,
    RANGE,
    RATE,
    SHOWN,
    is_,
    sum_by,
)
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.groups import PruneReason
from aurora_otel.model.topology import Role
from aurora_otel.telemetry import names
from aurora_otel.telemetry.prometheus import label


def build() -> Dashboard:
    """Return the dashboard."""
    return dashboard(
        CONNECTIONS,
        "Aurora connections",
        "The fleet: which connections there are, on which instance, how they come and go, and "
        "what should not happen.",
        (
            Row(
                "Now",
                (
                    _open(),
                    _with_role(Role.WRITER, "On the writer", BLUE),
                    _with_role(Role.READER, "On readers", BLUE),
                    _with_role(Role.UNKNOWN, "Not identified", YELLOW),
                    _stale(),
                    _failovers(),
                    _leaked(),
                    _agents(),
                ),
            ),
            Row("Where connections are", (_by_instance(), _by_service())),
            Row("How they come and go", (_opens(), _closes(), _lifetime())),
            Row(
                "What should not happen",
                (_prunes(), _leaks(), _misroutes(), _invalidations()),
            ),
            Row("Connects", connects.panels()),
            Row("Pools", pools.panels()),
        ),
    )


def _small(title: str, description: str, *, good: bool = False) -> About:
    thresholds = ZERO_IS_GOOD if good else ((None, BLUE),)
    return About(title, description, COUNT, NO_AGENT, thresholds, width=3, height=4)


def _open() -> Panel:
    about = _small(
        "Open connections",
        "All that are tracked. Compare it with the instances' max_connections; if it only ever "
        "grows, see the leaks below.",
    )
    return number(about, Query(sum_by("", SHOWN.of(names.COUNT)), "open"))


def _with_role(role: Role, title: str, colour: str) -> Panel:
    texts = {
        Role.WRITER: "Connections to an instance that is the writer now. None at all: the services "
        "cannot write, see the failover dashboard.",
        Role.READER: "Connections to instances that are readers now. None at all, though a service "
        "uses the reader endpoint: all of its readers are gone.",
        Role.UNKNOWN: "Connections whose instance or role is not known: through a pooler or proxy, "
        "or to a server that is no Aurora. They are never cleaned up. If there should be none, "
        "set INSTANCE_ENDPOINTS or INSTANCE_HOST_TEMPLATE.",
    }
    about = About(
        title, texts[role], COUNT, NO_AGENT, ((None, BLUE), (1.0, colour)), width=3, height=4
    )
    of_role = SHOWN.of(names.COUNT, is_(names.INSTANCE_ROLE, role.value))
    return number(
        about,
        Query(f"{sum_by('', of_role)} or 0 * {sum_by('', SHOWN.of(names.COUNT))}", role.value),
    )


def _stale() -> Panel:
    about = _small(
        "Stale connections",
        "Open connections that point to the wrong instance. Above 0 for longer than a minute: go "
        "to the failover dashboard, which says in which services.",
        good=True,
    )
    return number(about, Query(SHOWN.stale(), "stale"))


def _failovers() -> Panel:
    about = About(
        "Failovers",
        "Changes of the writer within the shown time, as the maximum over processes, since each "
        "counts the same one. Follow the link to the failover dashboard for each.",
        COUNT,
        "No Aurora cluster is known",
        ((None, GREEN), (0.5, YELLOW)),
        width=3,
        height=4,
    )
    return number(about, Query(f"sum({SHOWN.failovers(RANGE)})", "failovers"))


def _leaked() -> Panel:
    about = About(
        "Leaked connections",
        "Connections within the shown time that the application dropped without closing them. "
        "Python's ResourceWarning (-X dev) names the code: close them there.",
        COUNT,
        NO_AGENT,
        ((None, GREEN), (0.5, YELLOW)),
        width=3,
        height=4,
    )
    leaked = is_(names.PRUNE_REASON, PruneReason.GARBAGE_COLLECTED.value)
    return number(about, Query(sum_by("", SHOWN.increase(names.PRUNES, RANGE, leaked)), "leaked"))


def _agents() -> Panel:
    about = _small(
        "Processes reporting",
        "Processes whose agent reports now. Fewer than run: follow the runbook of the alert "
        "AuroraAgentSilent.",
    )
    processes = f"count(count by ({PROCESS}) ({SHOWN.of(names.COUNT)}))"
    return number(about, Query(processes, "processes"))


def _by_instance() -> Panel:
    role = label(names.INSTANCE_ROLE)
    by = f"{CLUSTER}, {AURORA_INSTANCE}, {role}"
    return lines(
        About(
            "Open connections by instance and role",
            "The role is the one that the instance has now. Readers that differ much: DNS "
            "round-robin has favourites, spread by instance endpoints or a shorter connection "
            "lifetime. Connections on a writer that only read belong on the reader endpoint.",
            COUNT,
            NO_AGENT,
            width=12,
            height=9,
        ),
        Query(
            f"{sum_by(by, SHOWN.of(names.COUNT))} > 0",
            f"{{{{{CLUSTER}}}}}: {{{{{AURORA_INSTANCE}}}}} ({{{{{role}}}}})",
        ),
        stacked=True,
    )


def _by_service() -> Panel:
    return lines(
        About(
            "Open connections by service",
            "Which service holds how many. One that grows without its traffic growing leaks, or "
            "its pools are larger than they need to be.",
            COUNT,
            NO_AGENT,
            width=12,
            height=9,
        ),
        Query(sum_by(JOB, SHOWN.of(names.COUNT)), f"{{{{{JOB}}}}}"),
        stacked=True,
    )


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


def _prunes() -> Panel:
    reason = label(names.PRUNE_REASON)
    return lines(
        About(
            "Pruned, by reason",
            "Connections dropped that the application had not closed. *garbage_collected* are "
            "leaks: close them in the code. *hung_up* by the server: a restart, an idle timeout, "
            "an administrator's pg_terminate_backend. *closed* below the driver's own interface.",
            COUNT,
            NO_AGENT,
            width=6,
        ),
        Query(sum_by(reason, SHOWN.increase(names.PRUNES, RATE)), f"{{{{{reason}}}}}"),
        bars=True,
    )


def _leaks() -> Panel:
    leaked = is_(names.PRUNE_REASON, PruneReason.GARBAGE_COLLECTED.value)
    return lines(
        About(
            "Leaked, by service",
            "Connections that were garbage-collected while open. Each is a bug in the service's "
            "code: use a context manager, or close in a finally.",
            COUNT,
            NO_AGENT,
            ZERO_IS_GOOD,
            width=6,
        ),
        Query(sum_by(JOB, SHOWN.increase(names.PRUNES, RATE, leaked)), f"{{{{{JOB}}}}}"),
        bars=True,
    )


def _misroutes() -> Panel:
    to_the_writer = (
        is_(names.ENDPOINT_TYPE, EndpointType.READER.value),
        is_(names.INSTANCE_ROLE, Role.WRITER.value),
    )
    return lines(
        About(
            "Misrouted, by service",
            "Connections through the writer endpoint that landed on a reader, because DNS was "
            "behind. Seconds after a failover this is normal. If it goes on, something caches "
            "DNS for too long: the resolver, a sidecar, a proxy. Those through the reader endpoint "
            "that landed on the writer are left where they are: they load it.",
            COUNT,
            NO_AGENT,
            ZERO_IS_GOOD,
            width=6,
        ),
        Query(sum_by(JOB, SHOWN.increase(names.MISROUTES, RATE)), f"{{{{{JOB}}}}}"),
        Query(
            sum_by(JOB, SHOWN.increase(names.OPENS, RATE, *to_the_writer)),
            f"{{{{{JOB}}}}}, reader endpoint",
        ),
        bars=True,
    )


def _invalidations() -> Panel:
    cause = label(names.INVALIDATION_CAUSE)
    return lines(
        About(
            "Invalidated, by cause",
            "Stale connections that were closed. *writer_changed* belongs to a failover; "
            "*misrouted* to DNS that is behind; *write_refused* to writes on a name that shows "
            "nothing: list it in WRITER_ENDPOINTS.",
            COUNT,
            NO_AGENT,
            width=6,
        ),
        Query(sum_by(cause, SHOWN.increase(names.INVALIDATIONS, RATE)), f"{{{{{cause}}}}}"),
        bars=True,
    )
