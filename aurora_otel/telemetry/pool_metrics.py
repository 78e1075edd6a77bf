"""The metrics of connection pools: the semantic conventions' own, for pools that report them.

https://opentelemetry.io/docs/specs/semconv/database/database-metrics/#connection-pools
"""

from __future__ import annotations

from collections.abc import Sequence

from aurora_otel.telemetry.names import DURATIONS, Kind, Metric

POOL_NAME = "db.client.connection.pool.name"
STATE = "db.client.connection.state"

IDLE = "idle"
USED = "used"

# So many pools have series of their own: a process may make new ones for as long as it lives.
MOST_POOLS = 64
OTHER = "other"

COUNT = Metric(
    "db.client.connection.count",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Connections of the pool by state",
    (POOL_NAME, STATE),
)
MAX = Metric(
    "db.client.connection.max",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Open connections that the pool allows",
    (POOL_NAME,),
)
IDLE_MAX = Metric(
    "db.client.connection.idle.max",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Idle connections that the pool allows",
    (POOL_NAME,),
)
IDLE_MIN = Metric(
    "db.client.connection.idle.min",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Idle connections that the pool keeps at least",
    (POOL_NAME,),
)
PENDING = Metric(
    "db.client.connection.pending_requests",
    Kind.UP_DOWN_COUNTER,
    "{request}",
    "Callers that wait for a connection now",
    (POOL_NAME,),
)
TIMEOUTS = Metric(
    "db.client.connection.timeouts",
    Kind.COUNTER,
    "{timeout}",
    "Callers that waited for a connection in vain",
    (POOL_NAME,),
)
CREATE_TIME = Metric(
    "db.client.connection.create_time",
    Kind.HISTOGRAM,
    "s",
    "How long opening a connection took",
    (POOL_NAME,),
    DURATIONS,
)
WAIT_TIME = Metric(
    "db.client.connection.wait_time",
    Kind.HISTOGRAM,
    "s",
    "How long callers waited for a connection",
    (POOL_NAME,),
    DURATIONS,
)
USE_TIME = Metric(
    "db.client.connection.use_time",
    Kind.HISTOGRAM,
    "s",
    "How long connections were checked out",
    (POOL_NAME,),
    DURATIONS,
)
METRICS = (COUNT, MAX, IDLE_MAX, IDLE_MIN, PENDING, TIMEOUTS, CREATE_TIME, WAIT_TIME, USE_TIME)


def attributes(metric: Metric, key: Sequence[str]) -> dict[str, str]:
    """Return the attributes of one observation that belongs to no cluster, as a pool's."""
    return dict(zip(metric.attributes, key, strict=True))
