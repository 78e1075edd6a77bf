"""The alerts about what a fleet should know: failovers, modes, versions, and failed connects."""

from __future__ import annotations

from aurora_otel.dashboards.promql import CLUSTER, FLEET, JOB, PROCESS, is_, sum_by
from aurora_otel.dashboards.recordings import FAILOVERS
from aurora_otel.dashboards.rule import (
    INFO,
    THE_CLUSTER,
    THE_JOB,
    THE_NUMBER,
    WARNING,
    Alert,
)
from aurora_otel.settings import Mode
from aurora_otel.telemetry import agent_names, names
from aurora_otel.telemetry.prometheus import label

_VERSION = label(agent_names.VERSION)


def _in_mode(mode: Mode) -> str:
    """Return the processes in `mode`, with the clusters that they are connected to."""
    agents = f"({FLEET.of(agent_names.INFO, is_(agent_names.MODE, mode.value))} == 1)"
    connected = f"group by ({PROCESS}, {CLUSTER}) ({FLEET.of(names.COUNT)})"
    return f"(({connected}) * on ({PROCESS}) group_left () {agents})"


def _by_version(*by: str, at: str = "") -> str:
    agents = f"({FLEET.of(agent_names.INFO)}{at} == 1)"
    return f"count by ({', '.join((*by, _VERSION))}) ({agents})"


ALERTS = (
    Alert(
        "AuroraFailoverHappened",
        f"{FAILOVERS.name} > 0",
        "0m",
        INFO,
        f"{THE_CLUSTER} has failed over within the last five minutes.",
        "This explains other alerts that fire now. The dashboard 'Aurora failover' shows whether "
        "the failover is over, and which services it affects.",
    ),
    Alert(
        "AuroraAgentObserves",
        f"sum by ({JOB}, {CLUSTER}) ({_in_mode(Mode.OBSERVE)})\n"
        f"and on ({CLUSTER}) {_in_mode(Mode.CLEANUP)}",
        "1h",
        WARNING,
        f"{THE_NUMBER} processes of {THE_JOB} only observe {THE_CLUSTER}, where others clean up.",
        "After a failover they keep their connections to the old writer, and their writes fail. "
        "That is right while an agent is rolled out, and for a kill switch that is on.",
    ),
    Alert(
        "AuroraConnectsFailing",
        f"{sum_by(f'{JOB}, {CLUSTER}', FLEET.increase(names.FAILURES, '5m'))} > 5\n"
        f"unless on ({CLUSTER}) {FAILOVERS.name} > 0",
        "10m",
        WARNING,
        f"{THE_JOB} fails to connect to {THE_CLUSTER}: {THE_NUMBER} times within five minutes.",
        "There is no failover. The panel 'Failed connects, by error' of the dashboard 'Aurora "
        "connections' names the error: a login, the network, or too many connections.",
    ),
    Alert(
        "AuroraAgentOutdated",
        f"({_by_version(JOB)})\nunless on ({_VERSION}) topk(1, {_by_version()})\n"
        f"and on ({JOB}, {_VERSION}) ({_by_version(JOB, at=' offset 1d')})",
        "1h",
        WARNING,
        f"{THE_NUMBER} processes of {THE_JOB} run aurora-otel {{{{ $labels.{_VERSION} }}}}, "
        "unlike most of the fleet.",
        "They have run it for a day or longer. Later fixes are missing there: release the service "
        "again with the version of the others.",
    ),
)
