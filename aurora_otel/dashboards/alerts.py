"""The alerts about clusters and connections, and about agents that no longer report."""

from __future__ import annotations

from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from aurora_otel.dashboards.promql import CLUSTER, FLEET, JOB, PROCESS, is_, sum_by
from aurora_otel.dashboards.recordings import REPORTING, STALE
from aurora_otel.dashboards.rule import (
    CRITICAL,
    THE_AURORA_INSTANCE,
    THE_CLUSTER,
    THE_INSTANCE,
    THE_JOB,
    THE_NUMBER,
    WARNING,
    Alert,
)
from aurora_otel.model.groups import PruneReason
from aurora_otel.telemetry import names
from aurora_otel.telemetry.prometheus import label


def _refreshes(matches: str) -> str:
    """Return the refreshes whose error `=` or `!=` none."""
    measured = FLEET.measured(names.REFRESH, "15m", f'{label(ERROR_TYPE)}{matches}""')
    return sum_by(f"{JOB}, {CLUSTER}", measured)


_LEAKED = FLEET.increase(
    names.PRUNES, "1h", is_(names.PRUNE_REASON, PruneReason.GARBAGE_COLLECTED.value)
)
# A process that is there: Prometheus scrapes it, or the Collector reports its resource.
_ALIVE = "(up == 1 or target_info)"

ALERTS = (
    Alert(
        "AuroraStaleConnections",
        f"{STALE.name} > 0",
        "2m",
        CRITICAL,
        f"{THE_JOB} still holds {THE_NUMBER} connections to {THE_AURORA_INSTANCE}, which is no "
        f"longer the writer of {THE_CLUSTER}.",
        "Every write on them fails. The sockets could not be shut down, or the agent's mode is "
        "observe. Restart the service.",
    ),
    Alert(
        "AuroraFailoverWithoutCleanup",
        FLEET.unaware("1h"),
        "10m",
        WARNING,
        f"{THE_CLUSTER} has failed over, but {THE_INSTANCE} of {THE_JOB} has not noticed: it still "
        f"holds {THE_NUMBER} connections to {THE_AURORA_INSTANCE}.",
        "Other processes went through the failover; this one has not used the database since then. "
        "Its next write fails, at most one for each thread. Then it cleans up. To avoid the failed "
        "write, restart it.",
    ),
    Alert(
        "AuroraTopologyRefreshFailing",
        f"{_refreshes('!=')} > 2\nunless on ({JOB}, {CLUSTER})\n{_refreshes('=')} > 0",
        "5m",
        CRITICAL,
        f"{THE_JOB} can no longer read the topology of {THE_CLUSTER}: a failover now would not be "
        "cleaned up.",
        "Every refresh of the last 15 minutes failed. The panel 'Refreshes by source and error' of "
        "the dashboard 'Aurora failover' names the type of the error.",
    ),
    Alert(
        "AuroraConnectionsLeaked",
        f"{sum_by(JOB, _LEAKED)} > 5",
        "5m",
        WARNING,
        f"{THE_JOB} has leaked {THE_NUMBER} database connections within the last hour.",
        "They were garbage-collected while they were open. Somewhere in the code a connection is "
        "not closed; in the end the database has none left.",
    ),
    Alert(
        "AuroraMisroutesPersist",
        f"{sum_by(f'{JOB}, {CLUSTER}', FLEET.increase(names.MISROUTES, '10m'))} > 0",
        "15m",
        WARNING,
        f"The writer endpoint of {THE_CLUSTER} goes on leading {THE_JOB} to a reader.",
        "After a failover this ends within seconds, when DNS has caught up. Here something caches "
        "DNS for too long, so that each new connection costs a second one.",
    ),
    Alert(
        "AuroraAgentSilent",
        f"max_over_time({REPORTING.name}[1d])\nunless on ({PROCESS}) {REPORTING.name}\n"
        f"and on ({PROCESS}) {_ALIVE}",
        "5m",
        WARNING,
        f"{THE_INSTANCE} of {THE_JOB} runs, but its aurora-otel agent has stopped reporting.",
        "Its connections are not visible now, and may not be cleaned up after a failover.",
    ),
    Alert(
        "AuroraAgentMissing",
        f"group by ({JOB}) (max_over_time({REPORTING.name}[1d]))\n"
        f"unless on ({JOB}) {REPORTING.name}\nand on ({JOB}) {_ALIVE}",
        "15m",
        CRITICAL,
        f"{THE_JOB} runs, but none of its processes has an aurora-otel agent any more.",
        "They had one within the last day. Most likely the last release starts without "
        "opentelemetry-instrument, or its instrumentation fails to load.",
    ),
)
