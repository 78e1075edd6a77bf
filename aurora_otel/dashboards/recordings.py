"""The figures that are computed ahead: what alerts and fleets of dashboards share."""

from __future__ import annotations

from aurora_otel.dashboards.promql import (
    AURORA_INSTANCE,
    CLUSTER,
    FLEET,
    JOB,
    PROCESS,
    sum_by,
)
from aurora_otel.dashboards.rule import Recording
from aurora_otel.telemetry import names
from aurora_otel.telemetry.prometheus import label, metric_name

_COUNT = metric_name(names.COUNT)
REPORTING = Recording(f"job_instance:{_COUNT}:group", f"group by ({PROCESS}) ({_COUNT})")
STALE = Recording(
    f"job_cluster_instance:{metric_name(names.STALE)}:sum",
    FLEET.stale(JOB, CLUSTER, AURORA_INSTANCE),
)
OPEN = Recording(
    f"job_cluster_instance_role:{_COUNT}:sum",
    sum_by(f"{JOB}, {CLUSTER}, {AURORA_INSTANCE}, {label(names.INSTANCE_ROLE)}", _COUNT),
)
FAILOVERS = Recording(
    f"cluster:{metric_name(names.FAILOVERS)}:max_increase5m", FLEET.failovers("5m")
)
RECORDINGS = (OPEN, STALE, FAILOVERS, REPORTING)
