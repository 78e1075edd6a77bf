"""The panels about the fleet: which services run the agent, in which mode, and what they hold."""

from __future__ import annotations

from aurora_otel.dashboards.panels import (
    COUNT,
    NO_AGENT,
    ZERO_IS_BETTER,
    About,
    Panel,
    Query,
    lines,
    rows,
)
from aurora_otel.dashboards.promql import JOB, PROCESS, RATE, SHOWN, Scope, is_, sum_by
from aurora_otel.model.groups import Outcome
from aurora_otel.telemetry import agent_names, names
from aurora_otel.telemetry.prometheus import label

# The agent's own metric knows no cluster.
_AGENTS = Scope(SHOWN.process)
_VERSION, _MODE = label(agent_names.VERSION), label(agent_names.MODE)
_BY = f"{JOB}, {_VERSION}, {_MODE}"


def panels() -> tuple[Panel, ...]:
    """Return them in their order."""
    return (_services(), _would_close())


def _services() -> Panel:
    agents = f"({_AGENTS.of(agent_names.INFO)} == 1)"
    return rows(
        About(
            "Services",
            "Every service whose processes report, by the version of their agent and the mode that "
            "counts. *observe* closes nothing: its stale connections stay. Two versions in one "
            "service: a release is under way, or stuck.",
            COUNT,
            NO_AGENT,
            width=16,
        ),
        {JOB: "service", _VERSION: "version", _MODE: "mode"},
        Query(sum_by(_BY, agents), "processes"),
        *(
            Query(
                sum_by(
                    _BY,
                    f"{sum_by(PROCESS, SHOWN.of(metric))}"
                    f" * on ({PROCESS}) group_left ({_VERSION}, {_MODE}) {agents}",
                ),
                legend,
            )
            for metric, legend in ((names.COUNT, "connections"), (names.STALE, "stale"))
        ),
    )


def _would_close() -> Panel:
    observed = is_(names.INVALIDATION_OUTCOME, Outcome.OBSERVED.value)
    return lines(
        About(
            "Would have been closed, by service",
            "Stale connections of services in the mode observe, which cleanup would have closed. "
            "Each stays until the application closes it, and refuses writes. None for weeks, "
            "though there were failovers: nothing keeps the service from the mode cleanup.",
            COUNT,
            "No service is in the mode observe",
            ZERO_IS_BETTER,
        ),
        Query(sum_by(JOB, SHOWN.increase(names.INVALIDATIONS, RATE, observed)), f"{{{{{JOB}}}}}"),
        bars=True,
    )
