"""The panels about pools, which report the semantic conventions' own metrics."""

from __future__ import annotations

from aurora_otel.dashboards.panels import (
    COUNT,
    GREEN,
    RED,
    SECONDS,
    YELLOW,
    ZERO_IS_BETTER,
    ZERO_IS_GOOD,
    About,
    Panel,
    Query,
    lines,
)
from aurora_otel.dashboards.promql import JOB, RATE, SHOWN, Scope, is_, sum_by
from aurora_otel.telemetry import pool_metrics
from aurora_otel.telemetry.prometheus import label

# These metrics know no cluster: a pool may lead anywhere.
_POOLS = Scope(SHOWN.process)
_POOL = label(pool_metrics.POOL_NAME)
_STATE = label(pool_metrics.STATE)
_NAME = f"{{{{{JOB}}}}}: {{{{{_POOL}}}}}"
_NO_POOL = "No pool reports its metrics here"
_SLOW = ((None, GREEN), (0.1, YELLOW), (1.0, RED))


def panels() -> tuple[Panel, ...]:
    """Return them in their order."""
    return (_states(), _used(), _waiting(), _timeouts(), _times())


def _states() -> Panel:
    return lines(
        About(
            "Connections by state",
            "Idle and used connections of all pools. Never idle: the pools are too small, see "
            "the waits. Mostly idle: they are larger than they need to be.",
            COUNT,
            _NO_POOL,
            width=12,
        ),
        Query(
            sum_by(f"{JOB}, {_STATE}", _POOLS.of(pool_metrics.COUNT)),
            f"{{{{{JOB}}}}}: {{{{{_STATE}}}}}",
        ),
        stacked=True,
    )


def _used() -> Panel:
    used = _POOLS.of(pool_metrics.COUNT, is_(pool_metrics.STATE, pool_metrics.USED))
    by = f"{JOB}, {_POOL}"
    return lines(
        About(
            "Used connections and what is allowed",
            "Used connections against the pool's maximum, over all processes of a service. At the "
            "maximum, callers wait: make the pool larger, or hold connections for a shorter time.",
            COUNT,
            _NO_POOL,
            width=12,
        ),
        Query(sum_by(by, used), f"{_NAME} used"),
        Query(sum_by(by, _POOLS.of(pool_metrics.MAX)), f"{_NAME} allowed"),
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
        ),
        Query(sum_by(f"{JOB}, {_POOL}", _POOLS.of(pool_metrics.PENDING)), _NAME),
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
        ),
        Query(sum_by(f"{JOB}, {_POOL}", _POOLS.increase(pool_metrics.TIMEOUTS, RATE)), _NAME),
        bars=True,
    )


def _times() -> Panel:
    return lines(
        About(
            "Time to open, to wait and in use",
            "What nine of ten took or less, over all pools since the processes started. Waits are "
            "what users feel. Opening takes long: TLS, DNS or a busy writer. In use for long: "
            "transactions that stay open while something else is done.",
            SECONDS,
            _NO_POOL,
            _SLOW,
        ),
        Query(_POOLS.quantile(0.9, pool_metrics.CREATE_TIME), "open"),
        Query(_POOLS.quantile(0.9, pool_metrics.WAIT_TIME), "wait"),
        Query(_POOLS.quantile(0.9, pool_metrics.USE_TIME), "in use"),
    )
