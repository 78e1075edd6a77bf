"""Recording and alerting rules for Prometheus, and for everything that takes its rules.

The alerts are few, and each has a runbook in `docs/runbooks.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE

from aurora_otel.dashboards.files import RUNBOOKS
from aurora_otel.dashboards.promql import (
    AURORA_INSTANCE,
    CLUSTER,
    FLEET,
    INSTANCE,
    JOB,
    PROCESS,
    is_,
    sum_by,
)
from aurora_otel.model.groups import PruneReason
from aurora_otel.telemetry import names
from aurora_otel.telemetry.prometheus import label, metric_name

CRITICAL, WARNING = "critical", "warning"


@dataclass(frozen=True, slots=True)
class Recording:
    """A figure that is computed ahead.

    Attributes:
        name: `<labels>:<metric>:<operation>`.
        expr: what it is.
    """

    name: str
    expr: str

    def as_yaml(self) -> dict[str, Any]:
        """Return what stands in the file."""
        return {"record": self.name, "expr": _Block(self.expr)}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert.

    Attributes:
        name: also the heading of its runbook.
        expr: fires for every series that this returns.
        lasting: for how long before it fires.
        severity: `critical`: an engineer is woken up; `warning`: it can wait until the next day.
        summary: what is wrong, in one sentence that needs no thinking.
        description: what follows from it, and what to do first.
    """

    name: str
    expr: str
    lasting: str
    severity: str
    summary: str
    description: str

    def as_yaml(self) -> dict[str, Any]:
        """Return what stands in the file."""
        return {
            "alert": self.name,
            "expr": _Block(self.expr),
            "for": self.lasting,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOKS}#{self.name.lower()}",
            },
        }


_JOB, _INSTANCE, _CLUSTER, _AURORA_INSTANCE = (
    f"{{{{ $labels.{name} }}}}" for name in (JOB, INSTANCE, CLUSTER, AURORA_INSTANCE)
)
_VALUE = '{{ $value | printf "%.0f" }}'

_COUNT = metric_name(names.COUNT)
_REPORTING = Recording(f"job_instance:{_COUNT}:group", f"group by ({PROCESS}) ({_COUNT})")
_STALE = Recording(
    f"job_cluster_instance:{metric_name(names.STALE)}:sum",
    FLEET.stale(JOB, CLUSTER, AURORA_INSTANCE),
)
_OPEN = Recording(
    f"job_cluster_instance_role:{_COUNT}:sum",
    sum_by(f"{JOB}, {CLUSTER}, {AURORA_INSTANCE}, {label(names.INSTANCE_ROLE)}", _COUNT),
)
_FAILOVERS = Recording(
    f"cluster:{metric_name(names.FAILOVERS)}:max_increase5m", FLEET.failovers("5m")
)
RECORDINGS = (_OPEN, _STALE, _FAILOVERS, _REPORTING)


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
        f"{_STALE.name} > 0",
        "2m",
        CRITICAL,
        f"{_JOB} still holds {_VALUE} connections to {_AURORA_INSTANCE}, which is no longer the "
        f"writer of {_CLUSTER}.",
        "Every write on them fails. The sockets could not be shut down, or the agent's mode is "
        "observe. Restart the service.",
    ),
    Alert(
        "AuroraFailoverWithoutCleanup",
        FLEET.unaware("1h"),
        "10m",
        WARNING,
        f"{_CLUSTER} has failed over, but {_INSTANCE} of {_JOB} has not noticed: it still holds "
        f"{_VALUE} connections to {_AURORA_INSTANCE}.",
        "Other processes went through the failover; this one did nothing on the database since. "
        "Its next write fails, at most one per thread, and then it cleans up. Restart it if that "
        "must not happen.",
    ),
    Alert(
        "AuroraTopologyRefreshFailing",
        f"{_refreshes('!=')} > 2\nunless on ({JOB}, {CLUSTER})\n{_refreshes('=')} > 0",
        "5m",
        CRITICAL,
        f"{_JOB} can no longer read the topology of {_CLUSTER}: a failover now would not be "
        "cleaned up.",
        "Every refresh of the last 15 minutes failed. The panel 'Refreshes by source and error' of "
        "the dashboard 'Aurora failover' names the type of the error.",
    ),
    Alert(
        "AuroraConnectionsLeaked",
        f"{sum_by(JOB, _LEAKED)} > 5",
        "5m",
        WARNING,
        f"{_JOB} has leaked {_VALUE} database connections within the last hour.",
        "They were garbage-collected while they were open. Somewhere in the code a connection is "
        "not closed; in the end the database has none left.",
    ),
    Alert(
        "AuroraMisroutesPersist",
        f"{sum_by(f'{JOB}, {CLUSTER}', FLEET.increase(names.MISROUTES, '10m'))} > 0",
        "15m",
        WARNING,
        f"The writer endpoint of {_CLUSTER} goes on leading {_JOB} to a reader.",
        "After a failover this ends within seconds, when DNS has caught up. Here something caches "
        "DNS for too long, so that each new connection costs a second one.",
    ),
    Alert(
        "AuroraAgentSilent",
        f"max_over_time({_REPORTING.name}[1d])\nunless on ({PROCESS}) {_REPORTING.name}\n"
        f"and on ({PROCESS}) {_ALIVE}",
        "5m",
        WARNING,
        f"{_INSTANCE} of {_JOB} runs, but its aurora-otel agent has stopped reporting.",
        "Its connections are not visible now, and may not be cleaned up after a failover.",
    ),
    Alert(
        "AuroraAgentMissing",
        f"group by ({JOB}) (max_over_time({_REPORTING.name}[1d]))\n"
        f"unless on ({JOB}) {_REPORTING.name}\nand on ({JOB}) {_ALIVE}",
        "15m",
        CRITICAL,
        f"{_JOB} runs, but none of its processes has an aurora-otel agent any more.",
        "They had one within the last day. Most likely the last release starts without "
        "opentelemetry-instrument, or its instrumentation fails to load.",
    ),
)


class _Block(str):
    """A text that stands as it is in the file."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
)

_HEAD = """\
# Built from the definitions of the telemetry by `python -m aurora_otel.dashboards.build`: do not
# edit. Runbooks: docs/runbooks.md.
"""


def render() -> str:
    """Return the rules file."""
    groups = [
        {"name": "aurora-recording", "rules": [rule.as_yaml() for rule in RECORDINGS]},
        {"name": "aurora-alerts", "rules": [alert.as_yaml() for alert in ALERTS]},
    ]
    return _HEAD + yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, width=10_000)
