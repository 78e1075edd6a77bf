"""*Aurora connections*: the fleet, day by day.

From top to bottom: how many connections there are, in which services, and where, how they come and
go, what should not happen, which connects failed or went past a name, and the states of the pools
that hold them.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from aurora_otel.dashboards import connects, fleet, mishaps, movements, pools
from aurora_otel.dashboards.frame import CONNECTIONS, Row, dashboard
from aurora_otel.dashboards.panels import (
    BLUE,
    COUNT,
    GREEN,
    NO_AGENT,
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
    SHOWN,
    is_,
    sum_by,
)
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
                "AuroraStaleConnections",
            ),
            Row("The fleet", fleet.panels(), "AuroraAgentObserves"),
            Row("Where connections are", (_by_instance(), _by_service()), "AuroraAgentMissing"),
            Row("How they come and go", movements.panels(), "AuroraConnectionsLeaked"),
            Row("What should not happen", mishaps.panels(), "AuroraMisroutesPersist"),
            Row("Connects", connects.panels(), "AuroraConnectsFailing"),
            Row("Pools", pools.panels(), "AuroraPoolNearlyFull"),
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
