"""Every name of the telemetry, in one place: they are the product's interface.

Names follow OpenTelemetry's naming rules: stable semantic conventions where one exists, the
namespace `aurora.` elsewhere. `docs/telemetry.md` is generated from these definitions.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from opentelemetry.semconv.attributes.db_attributes import DB_SYSTEM_NAME
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.network_attributes import (
    NETWORK_PEER_ADDRESS,
    NETWORK_PEER_PORT,
)
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT

from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.former_writers import Cause
from aurora_otel.model.groups import Outcome, PruneReason
from aurora_otel.model.straight import StraightReason
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import EventKind, Role, Source

# The release of the semantic conventions that the names follow.
CONVENTIONS = "1.44.0"
SCHEMA_URL = f"https://opentelemetry.io/schemas/{CONVENTIONS}"

# What names an event where the logging library has no field for it (the stable `otel.event.name`).
EVENT_NAME = "otel.event.name"

CLUSTER_ID = "aurora.cluster.id"
CLUSTER_KIND = "aurora.cluster.kind"
INSTANCE_ID = "aurora.instance.id"
INSTANCE_ROLE = "aurora.instance.role"
ENDPOINT_TYPE = "aurora.endpoint.type"
DRIVER = "aurora.driver"
STRAIGHT_REASON = "aurora.straight.reason"
PRUNE_REASON = "aurora.prune.reason"
INVALIDATION_CAUSE = "aurora.invalidation.cause"
INVALIDATION_OUTCOME = "aurora.invalidation.outcome"
SYMPTOM = "aurora.failover.symptom"
OLD_WRITER = "aurora.failover.old_writer"
NEW_WRITER = "aurora.failover.new_writer"
INVALIDATED = "aurora.failover.invalidated"
TOPOLOGY_SOURCE = "aurora.topology.source"
TOPOLOGY_INSTANCES = "aurora.topology.instances"
TOPOLOGY_WRITER_ID = "aurora.topology.writer_id"
TOPOLOGY_CONFIRMED = "aurora.topology.confirmed"
EVENT_KIND = "aurora.failover.event.type"
EVENT_TIME = "aurora.failover.event.time"
# Counts on spans, one attribute for each value of the enumeration.
INVALIDATIONS_PREFIX = "aurora.invalidations."
PRUNES_PREFIX = "aurora.prunes."


class Attribute(NamedTuple):
    """An attribute: its name, and what it means or which values it takes."""

    name: str
    meaning: str


def _values(enum: type[Enum]) -> str:
    return ", ".join(f"`{member.value}`" for member in enum)


ATTRIBUTES = (
    Attribute(
        CLUSTER_ID,
        "the setting `CLUSTER_ID`; else the cluster endpoint's identifier; else the host as the "
        "application wrote it; fixed for the life of the process",
    ),
    Attribute(
        CLUSTER_KIND,
        "`aurora`, `multi-az` (RDS Multi-AZ DB clusters), "
        "`group-replication` (MySQL's, with a single primary), `single` (one server at a time "
        "behind a name), `plain` (any other primary with standbys); "
        "`unknown`: no cluster of a kind that is judged",
    ),
    Attribute(INSTANCE_ID, "the instance's identifier, or `unknown`; at most 64 a cluster"),
    Attribute(
        INSTANCE_ROLE,
        f"{_values(Role)}: on `aurora.connection.count` the role now, elsewhere the role when the "
        "connection was opened",
    ),
    Attribute(ENDPOINT_TYPE, f"{_values(EndpointType)}: how the application connected"),
    Attribute(DRIVER, "as in the setting `DRIVERS`, or as `instrument_dbapi` was given it"),
    Attribute(
        STRAIGHT_REASON,
        f"{_values(StraightReason)}: why a connect went straight to the writer, past the name of "
        "its endpoint; only on connections that did",
    ),
    Attribute(
        PRUNE_REASON,
        f"{_values(PruneReason)}: leaked by the application, closed past the agent, or by the "
        "server",
    ),
    Attribute(
        INVALIDATION_CAUSE,
        f"{_values(Cause)}: its instance was the writer; it was opened through the writer endpoint "
        "on a reader; a write on it was refused",
    ),
    Attribute(INVALIDATION_OUTCOME, _values(Outcome)),
    Attribute(
        SYMPTOM,
        f"{_values(Symptom)}: what made the agent refresh (`topology`: a refresh showed it)",
    ),
    Attribute(OLD_WRITER, "instance identifier of the former writer"),
    Attribute(NEW_WRITER, "instance identifier of the writer by the verdict"),
    Attribute(INVALIDATED, "number of stale connections that the verdict found"),
    Attribute(TOPOLOGY_SOURCE, _values(Source)),
    Attribute(TOPOLOGY_INSTANCES, "instance identifiers that the topology lists"),
    Attribute(TOPOLOGY_WRITER_ID, "instance identifier of the writer that the topology names"),
    Attribute(TOPOLOGY_CONFIRMED, "whether that instance confirmed it"),
    Attribute(
        EVENT_KIND, f"{_values(EventKind)}: what an event of RDS's own reports of a failover"
    ),
    Attribute(EVENT_TIME, "when that was, by RDS's clock, in ISO 8601"),
    Attribute(f"{INVALIDATIONS_PREFIX}<outcome>", "number of invalidations with this outcome"),
    Attribute(f"{PRUNES_PREFIX}<reason>", "number of connections pruned for this reason"),
    Attribute(DB_SYSTEM_NAME, "as in the semantic conventions: `postgresql`, `mysql`"),
    Attribute(
        SERVER_ADDRESS, "as in the semantic conventions: the host as the application wrote it"
    ),
    Attribute(SERVER_PORT, "as in the semantic conventions"),
    Attribute(
        NETWORK_PEER_ADDRESS,
        "as in the semantic conventions: the network address that the connection leads to, "
        "whatever the DNS says by now; where that is known",
    ),
    Attribute(NETWORK_PEER_PORT, "as in the semantic conventions: the port there"),
    Attribute(
        ERROR_TYPE,
        "as in the semantic conventions: the exception's type, or the RDS API's error code",
    ),
)


class Kind(str, Enum):
    """The kind of a metric's instrument."""

    UP_DOWN_COUNTER = "observable up-down counter"
    COUNTER = "observable counter"
    GAUGE = "observable gauge"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """A metric.

    Attributes:
        name: its name.
        kind: its instrument.
        unit: its unit, in UCUM.
        description: what it counts or measures.
        attributes: what it carries beyond the cluster and `db.system.name`.
        boundaries: of a histogram's buckets, in its unit.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    boundaries: tuple[float, ...] = ()


# 0.5 ms to 1 min
DURATIONS = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)
# 1 s to 7 days
_LIFETIMES = (1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0, 259200.0, 604800.0)

COUNT = Metric(
    "aurora.connection.count",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Open connections by the instance that they landed on and its role now",
    (INSTANCE_ID, INSTANCE_ROLE, DRIVER),
)
STALE = Metric(
    "aurora.connection.stale",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Open connections that point to the wrong instance",
    (INSTANCE_ID, DRIVER),
)
OPENS = Metric(
    "aurora.connection.opens",
    Kind.COUNTER,
    "{connection}",
    "Connections opened",
    (INSTANCE_ID, INSTANCE_ROLE, DRIVER, ENDPOINT_TYPE),
)
CLOSES = Metric(
    "aurora.connection.closes",
    Kind.COUNTER,
    "{connection}",
    "Connections closed by the application, without those that had been invalidated",
    (INSTANCE_ID, DRIVER),
)
PRUNES = Metric(
    "aurora.connection.prunes",
    Kind.COUNTER,
    "{connection}",
    "Connections dropped that the application had not closed",
    (INSTANCE_ID, DRIVER, PRUNE_REASON),
)
INVALIDATIONS = Metric(
    "aurora.connection.invalidations",
    Kind.COUNTER,
    "{connection}",
    "Stale connections invalidated",
    (INSTANCE_ID, DRIVER, INVALIDATION_CAUSE, INVALIDATION_OUTCOME),
)
MISROUTES = Metric(
    "aurora.connection.misroutes",
    Kind.COUNTER,
    "{connection}",
    "Connections through the writer endpoint that landed on a reader",
    (INSTANCE_ID, DRIVER),
)
REFUSALS = Metric(
    "aurora.connection.refusals",
    Kind.COUNTER,
    "{write}",
    "Writes that were refused, also in the application's own read-only transactions",
    (INSTANCE_ID, DRIVER),
)
OPEN_DURATION = Metric(
    "aurora.connection.open.duration",
    Kind.HISTOGRAM,
    "s",
    "How long it took to open a connection, from the application's call until it was identified",
    (INSTANCE_ID, DRIVER),
    (0.005, 0.025, 0.1, 0.5, 2.5, 10.0),
)
STRAIGHT = Metric(
    "aurora.connection.straight",
    Kind.COUNTER,
    "{connection}",
    "Connections opened straight to the writer, whose endpoint's name may have led elsewhere",
    (DRIVER, STRAIGHT_REASON),
)
FAILURES = Metric(
    "aurora.connection.failures",
    Kind.COUNTER,
    "{connection}",
    "Connects that failed, also where another one followed in the same call",
    (DRIVER, ERROR_TYPE),
)
LIFETIME = Metric(
    "aurora.connection.lifetime",
    Kind.HISTOGRAM,
    "s",
    "How long connections were open",
    (DRIVER,),
    _LIFETIMES,
)
FAILOVERS = Metric(
    "aurora.failovers",
    Kind.COUNTER,
    "{failover}",
    "Changes of the writer; every process counts the same one",
    (SYMPTOM,),
)
DETECTION = Metric(
    "aurora.failover.detection.duration",
    Kind.HISTOGRAM,
    "s",
    "From the first symptom to the verdict",
    (SYMPTOM,),
    DURATIONS,
)
CLEANUP = Metric(
    "aurora.failover.cleanup.duration",
    Kind.HISTOGRAM,
    "s",
    "From the verdict to the last stale connection shut down",
    (),
    DURATIONS,
)
REFRESH = Metric(
    "aurora.topology.refresh.duration",
    Kind.HISTOGRAM,
    "s",
    "How long a refresh of the topology took",
    (TOPOLOGY_SOURCE, ERROR_TYPE),
    DURATIONS,
)
WRITER = Metric(
    "aurora.topology.writer",
    Kind.GAUGE,
    "{writer}",
    "1 for the writer, 0 for a reader, from what is younger than the refresh window",
    (INSTANCE_ID,),
)
DISAGREEMENTS = Metric(
    "aurora.topology.disagreements",
    Kind.COUNTER,
    "{disagreement}",
    "How often the RDS API named another writer than the instances did, whose word counts",
)
EVENTS = Metric(
    "aurora.failover.events",
    Kind.COUNTER,
    "{event}",
    "RDS's own events about failovers that this process saw; every process counts the same one",
    (EVENT_KIND,),
)
METRICS = (
    OPENS,
    COUNT,
    STALE,
    CLOSES,
    PRUNES,
    INVALIDATIONS,
    MISROUTES,
    REFUSALS,
    OPEN_DURATION,
    STRAIGHT,
    FAILURES,
    LIFETIME,
    FAILOVERS,
    DETECTION,
    CLEANUP,
    REFRESH,
    WRITER,
    DISAGREEMENTS,
    EVENTS,
)


class Span(NamedTuple):
    """A span: all are of kind internal."""

    name: str
    when: str
    attributes: tuple[str, ...]
    parent: str
    links: str = ""


TRACK = Span(
    "track connection",
    "a connection was opened and identified",
    (
        CLUSTER_ID,
        CLUSTER_KIND,
        DB_SYSTEM_NAME,
        INSTANCE_ID,
        INSTANCE_ROLE,
        ENDPOINT_TYPE,
        DRIVER,
        SERVER_ADDRESS,
        SERVER_PORT,
        NETWORK_PEER_ADDRESS,
        NETWORK_PEER_PORT,
        STRAIGHT_REASON,
    ),
    "the caller's span",
)
PRUNE = Span(
    "prune connections",
    "connections were dropped since the last round of pruning; a round without one is silent",
    (f"{PRUNES_PREFIX}<reason>",),
    "none: a root",
)
REFRESH_TOPOLOGY = Span(
    "refresh topology",
    "each refresh of the topology",
    (
        CLUSTER_ID,
        CLUSTER_KIND,
        DB_SYSTEM_NAME,
        TOPOLOGY_SOURCE,
        TOPOLOGY_INSTANCES,
        TOPOLOGY_WRITER_ID,
        TOPOLOGY_CONFIRMED,
        ERROR_TYPE,
    ),
    "the span of the call that refreshes; none if the background loop does",
)
FAILOVER = Span(
    "failover",
    "a verdict named another writer; it starts with the first symptom",
    (CLUSTER_ID, CLUSTER_KIND, DB_SYSTEM_NAME, SYMPTOM, OLD_WRITER, NEW_WRITER, INVALIDATED),
    "the span of the call that saw the symptom",
    "the deciding `refresh topology`",
)
INVALIDATE = Span(
    "invalidate connections",
    "an instance lost connections",
    (
        CLUSTER_ID,
        DB_SYSTEM_NAME,
        INSTANCE_ID,
        INVALIDATION_CAUSE,
        f"{INVALIDATIONS_PREFIX}<outcome>",
    ),
    "`failover`; none if a later verdict finds stale connections",
    "the sampled spans in which the connections were opened, at most 32",
)
CONTROL_PLANE = Span(
    "control plane failover",
    "the RDS API reported a failover; from its first event to its last",
    (CLUSTER_ID, CLUSTER_KIND, DB_SYSTEM_NAME, OLD_WRITER, NEW_WRITER),
    "`failover`, which is over by then",
)
SPANS = (TRACK, PRUNE, REFRESH_TOPOLOGY, FAILOVER, INVALIDATE, CONTROL_PLANE)

LOGGER = "aurora_otel"


class LogRecord(NamedTuple):
    """A kind of log record; `event` is its event name, if it has one."""

    level: str
    message: str
    attributes: tuple[str, ...]
    event: str = ""


FAILOVER_LOG = LogRecord(
    "WARNING",
    "failover: the writer changed from <old> to <new>; stale connections: <n> <outcome>, …",
    (CLUSTER_ID, CLUSTER_KIND, DB_SYSTEM_NAME, SYMPTOM, OLD_WRITER, NEW_WRITER, INVALIDATED),
    "aurora.writer.changed",
)
NOT_SHUT_DOWN_LOG = LogRecord(
    "WARNING",
    "could not shut down <n> stale connections to <instance>",
    (
        CLUSTER_ID,
        DB_SYSTEM_NAME,
        INSTANCE_ID,
        DRIVER,
        INVALIDATION_CAUSE,
        f"{INVALIDATIONS_PREFIX}{Outcome.FAILED.value}",
    ),
    "aurora.invalidation.failed",
)
STALE_LOG = LogRecord(
    "WARNING",
    "stale connections: <n> <outcome>, …",
    (CLUSTER_ID, CLUSTER_KIND, DB_SYSTEM_NAME, NEW_WRITER, INVALIDATED),
)
DISAGREEMENT_LOG = LogRecord(
    "WARNING",
    "the RDS API names <instance> as the writer, the instances <instance>: the instances count",
    (CLUSTER_ID, CLUSTER_KIND, DB_SYSTEM_NAME, TOPOLOGY_WRITER_ID, NEW_WRITER),
)
API_TROUBLE_LOG = LogRecord(
    "WARNING",
    "the RDS API gives no answer to <IAM action> (<error>): <what to do>",
    (ERROR_TYPE,),
)
API_EVENT_LOG = LogRecord(
    "WARNING",
    "RDS: <message>",
    (CLUSTER_ID, CLUSTER_KIND, DB_SYSTEM_NAME, OLD_WRITER, NEW_WRITER, EVENT_KIND, EVENT_TIME),
    "aurora.rds.failover_event",
)
TRACKED_LOG = LogRecord(
    "DEBUG",
    "tracked a connection",
    (CLUSTER_ID, CLUSTER_KIND, DB_SYSTEM_NAME, INSTANCE_ID, INSTANCE_ROLE, ENDPOINT_TYPE, DRIVER),
)
PRUNED_LOG = LogRecord(
    "DEBUG",
    "pruned a connection",
    (CLUSTER_ID, DB_SYSTEM_NAME, INSTANCE_ID, DRIVER, PRUNE_REASON),
)
INTERNAL_LOG = LogRecord(
    "ERROR",
    "internal failure in <where>: <type> at <our frames>; the application is not affected",
    (ERROR_TYPE,),
)
LOGS = (
    FAILOVER_LOG,
    NOT_SHUT_DOWN_LOG,
    STALE_LOG,
    DISAGREEMENT_LOG,
    API_TROUBLE_LOG,
    API_EVENT_LOG,
    TRACKED_LOG,
    PRUNED_LOG,
    INTERNAL_LOG,
)
