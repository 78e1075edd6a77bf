"""The metrics of connection pools: the semantic conventions' own, for pools that report them.

https://opentelemetry.io/docs/specs/semconv/db/database-metrics/#connection-pools

Which database a pool leads to, and what a pool without a name is called, follow
https://github.com/open-telemetry/semantic-conventions/pull/4097, which is merged and not in a
release yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opentelemetry.semconv.attributes.db_attributes import DB_NAMESPACE, DB_SYSTEM_NAME
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT

from aurora_otel.telemetry.names import DURATIONS, Attribute, Kind, Metric

POOL_NAME = "db.client.connection.pool.name"
STATE = "db.client.connection.state"

IDLE = "idle"
USED = "used"

# So many pools have series of their own: a process may make new ones for as long as it lives.
MOST_POOLS = 64
OTHER = "other"

# Where a pool leads to, as far as it shows that.
TARGET = (DB_SYSTEM_NAME, DB_NAMESPACE, SERVER_ADDRESS, SERVER_PORT)
_OF_POOL = (POOL_NAME, *TARGET)

ATTRIBUTES = (
    Attribute(POOL_NAME, "as in the semantic conventions: see below"),
    Attribute(STATE, f"as in the semantic conventions: `{IDLE}`, `{USED}`"),
)

COUNT = Metric(
    "db.client.connection.count",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Connections of the pool by state",
    (*_OF_POOL, STATE),
)
MAX = Metric(
    "db.client.connection.max",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Open connections that the pool allows",
    _OF_POOL,
)
IDLE_MAX = Metric(
    "db.client.connection.idle.max",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Idle connections that the pool allows",
    _OF_POOL,
)
IDLE_MIN = Metric(
    "db.client.connection.idle.min",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Idle connections that the pool keeps at least",
    _OF_POOL,
)
PENDING = Metric(
    "db.client.connection.pending_requests",
    Kind.UP_DOWN_COUNTER,
    "{request}",
    "Callers that wait for a connection now",
    _OF_POOL,
)
TIMEOUTS = Metric(
    "db.client.connection.timeouts",
    Kind.COUNTER,
    "{timeout}",
    "Callers that waited for a connection in vain",
    _OF_POOL,
)
CREATE_TIME = Metric(
    "db.client.connection.create_time",
    Kind.HISTOGRAM,
    "s",
    "How long opening a connection took",
    _OF_POOL,
    DURATIONS,
)
WAIT_TIME = Metric(
    "db.client.connection.wait_time",
    Kind.HISTOGRAM,
    "s",
    "How long callers waited for a connection",
    _OF_POOL,
    DURATIONS,
)
USE_TIME = Metric(
    "db.client.connection.use_time",
    Kind.HISTOGRAM,
    "s",
    "How long connections were checked out",
    _OF_POOL,
    DURATIONS,
)
METRICS = (COUNT, MAX, IDLE_MAX, IDLE_MIN, PENDING, TIMEOUTS, CREATE_TIME, WAIT_TIME, USE_TIME)


def attributes(metric: Metric) -> Callable[[Sequence[str | int]], dict[str, str | int]]:
    """Return a function that turns the key of an observation into its attributes.

    Args:
        metric: one that belongs to no cluster, as a pool's.

    Returns:
        It takes the values, in the order of the definition; 0 or empty is left out.
    """
    carried = metric.attributes
    return lambda key: {name: value for name, value in zip(carried, key, strict=True) if value}
