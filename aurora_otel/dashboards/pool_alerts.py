"""The alerts about pools: full, with callers that wait, for long, or in vain."""

from __future__ import annotations

from aurora_otel.dashboards.promql import FLEET, JOB, PROCESS, is_, max_by, sum_by
from aurora_otel.dashboards.rule import (
    CRITICAL,
    THE_DURATION,
    THE_JOB,
    THE_NUMBER,
    THE_PERCENTAGE,
    WARNING,
    Alert,
)
from aurora_otel.telemetry import pool_metrics
from aurora_otel.telemetry.prometheus import count, label, total

_POOL = label(pool_metrics.POOL_NAME)
_BY = f"{JOB}, {_POOL}"
_THE_POOL = f"{{{{ $labels.{_POOL} }}}}"
_USED = FLEET.of(pool_metrics.COUNT, is_(pool_metrics.STATE, pool_metrics.USED))
_IN_A_PROCESS = f"{PROCESS}, {_POOL}"
_SHARE = f"{sum_by(_IN_A_PROCESS, _USED)} / {sum_by(_IN_A_PROCESS, FLEET.of(pool_metrics.MAX))}"
_WAITED, _WAITS = (
    sum_by(_BY, f"increase({name(pool_metrics.WAIT_TIME)}[5m])") for name in (total, count)
)

ALERTS = (
    Alert(
        "AuroraPoolNearlyFull",
        f"{max_by(_BY, _SHARE)} > 0.9",
        "10m",
        WARNING,
        f"The pool {_THE_POOL} of {THE_JOB} is {THE_PERCENTAGE} in use.",
        "At 100 % its callers wait. Either the traffic has grown, or connections are held for "
        "longer than they need to be.",
    ),
    Alert(
        "AuroraPoolCallersWaiting",
        f"{sum_by(_BY, FLEET.of(pool_metrics.PENDING))} > 0",
        "5m",
        WARNING,
        f"{THE_NUMBER} callers wait for the pool {_THE_POOL} of {THE_JOB}.",
        "A caller has waited at every moment of the last five minutes: requests take longer, and "
        "soon they fail.",
    ),
    Alert(
        "AuroraPoolWaitsLong",
        f"{_WAITED} / ({_WAITS} > 0) > 1",
        "5m",
        WARNING,
        f"A connection of the pool {_THE_POOL} of {THE_JOB} takes {THE_DURATION} to get.",
        "That is the average of five minutes. The pool is full, or opens a new connection each "
        "time and the database is slow to accept it.",
    ),
    Alert(
        "AuroraPoolTimeouts",
        f"{sum_by(_BY, FLEET.increase(pool_metrics.TIMEOUTS, '5m'))} > 0",
        "5m",
        CRITICAL,
        f"Requests of {THE_JOB} fail because the pool {_THE_POOL} gives them no connection.",
        "Callers have waited in vain for five minutes on end. The database is not reached at all "
        "by these requests.",
    ),
)
