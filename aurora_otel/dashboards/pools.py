"""The panels about pools, which report the semantic conventions' own metrics."""

from __future__ import annotations

from aurora_otel.dashboards.panels import (
    COUNT,
    GREEN,
    RED,
    SECONDS,
    SHARE,
    YELLOW,
    ZERO_IS_BETTER,
    ZERO_IS_GOOD,
    About,
    Panel,
    Query,
    lines,
)
from aurora_otel.dashboards.promql import JOB, PROCESS, RATE, SHOWN, Scope, is_, max_by, sum_by
from aurora_otel.telemetry import pool_metrics
from aurora_otel.telemetry.prometheus import label

# These metrics know no cluster: a pool may lead anywhere.
_POOLS = Scope(SHOWN.process)
_POOL = label(pool_metrics.POOL_NAME)
_STATE = label(pool_metrics.STATE)
_NAME = f"{{{{{JOB}}}}}: {{{{{_POOL}}}}}"
_NO_POOL = "No pool reports its metrics here"
_SLOW = ((None, GREEN), (0.1, YELLOW), (1.0, RED))


_BY = f"{JOB}, {_POOL}"


def panels() -> tuple[Panel, ...]:
    """Return them in their order."""
    return (_states(), _utilisation(), _waiting(), _timeouts(), _to_get_one(), _times())


def _states() -> Panel:
    return lines(
        About(
            "Connections by pool and state",
            "Idle and used connections of each pool, over all processes of a service. Never idle: "
            "the pool is too small, see the waits. Mostly idle: it is larger than it needs to be.",
            COUNT,
            _NO_POOL,
            width=12,
        ),
        Query(
            sum_by(f"{_BY}, {_STATE}", _POOLS.of(pool_metrics.COUNT)),
            f"{_NAME} {{{{{_STATE}}}}}",
        ),
        stacked=True,
    )


def _utilisation() -> Panel:
    used = _POOLS.of(pool_metrics.COUNT, is_(pool_metrics.STATE, pool_metrics.USED))
    by = f"{PROCESS}, {_POOL}"
    share = f"{sum_by(by, used)} / {sum_by(by, _POOLS.of(pool_metrics.MAX))}"
    return lines(
        About(
            "Utilisation of pools",
            "Used connections as a share of what the pool allows, in the fullest process. At "
            "100 %, callers wait: make the pool larger, or hold connections for a shorter time.",
            SHARE,
            _NO_POOL,
            ((None, GREEN), (0.8, YELLOW), (0.95, RED)),
            width=12,
        ),
        Query(max_by(_BY, share), _NAME),
    )


def _waiting() -> Panel:
    return lines(
        About(
            "Callers that wait",
            "Callers that wait for a connection now. For more than moments: the pool is too small "
            "for the traffic, or statements take too long.",
            COUNT,
            _NO_POOL,
            ZERO_IS_BETTER,
            width=6,
        ),
        Query(sum_by(_BY, _POOLS.of(pool_metrics.PENDING)), _NAME),
    )


def _timeouts() -> Panel:
    return lines(
        About(
            "Callers that waited in vain",
            "Each is a request that failed without reaching the database. In a failover: the pool "
            "refills too slowly. At other times: it is too small.",
            COUNT,
            _NO_POOL,
            ZERO_IS_GOOD,
            width=6,
        ),
        Query(sum_by(_BY, _POOLS.increase(pool_metrics.TIMEOUTS, RATE)), _NAME),
        bars=True,
    )


def _to_get_one() -> Panel:
    return lines(
        About(
            "Time to get a connection",
            "The average wait of a pool's callers, which is what users feel. It grows when the "
            "pool is full, and when it opens connections for its callers: see both beside it.",
            SECONDS,
            _NO_POOL,
            _SLOW,
            width=6,
        ),
        Query(_POOLS.average(pool_metrics.WAIT_TIME, _BY), _NAME),
    )


def _times() -> Panel:
    return lines(
        About(
            "Time to open, and in use",
            "Averages by pool. Opening takes long: TLS, DNS or a busy writer. In use for long: "
            "transactions that stay open while something else is done.",
            SECONDS,
            _NO_POOL,
            _SLOW,
            width=6,
        ),
        Query(_POOLS.average(pool_metrics.CREATE_TIME, _BY), f"{_NAME} open"),
        Query(_POOLS.average(pool_metrics.USE_TIME, _BY), f"{_NAME} in use"),
    )
