"""Where the telemetry does not do what the semantic conventions say, and why."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_otel.telemetry import names, pool_metrics, queries


@dataclass(frozen=True, slots=True)
class Deviation:
    """One point in which the telemetry differs from the conventions.

    Attributes:
        signal: the metric or span that it is about; a `*` stands for any ending.
        attribute: the attribute.
        what: what is different.
        why: the reason.
    """

    signal: str
    attribute: str
    what: str
    why: str


# What the agent's query spans are called where one name has to stand for them.
QUERY_SPANS = "query spans"
_POOLS = "db.client.connection.*"
_AHEAD = "comes ahead of a release"
_PROPOSED = "semantic-conventions#4097 is merged, and without it a pool's database is unknown"
_NO_PARSER = "statements are not parsed: a wrong guess would be worse than none"

DEVIATIONS = (
    *(Deviation(_POOLS, attribute, _AHEAD, _PROPOSED) for attribute in pool_metrics.TARGET),
    Deviation(
        _POOLS,
        pool_metrics.POOL_NAME,
        "a pool without a name is called after the database, not `host:port/database`",
        "semantic-conventions#4097 names them so; a second one gets `-2`, as names are unique",
    ),
    Deviation(
        QUERY_SPANS,
        queries.OPERATION,
        "is the statement's first word",
        "drivers offer no other source, and traces are searched by it",
    ),
    Deviation(
        QUERY_SPANS,
        queries.SUMMARY,
        "is the operation alone, without tables, also for a batch",
        _NO_PARSER,
    ),
    Deviation(
        QUERY_SPANS,
        queries.TEXT,
        "is left out by default, also of a statement with parameters",
        "nothing that an application wrote leaves the process unless a setting asks for it",
    ),
    Deviation(
        QUERY_SPANS,
        queries.NAMESPACE,
        "is the database alone, without the schema",
        "the agent would have to ask for the search path",
    ),
    Deviation(QUERY_SPANS, "db.collection.name", "is left out", _NO_PARSER),
    Deviation(QUERY_SPANS, "db.stored_procedure.name", "is left out", _NO_PARSER),
    Deviation(
        QUERY_SPANS,
        "db.operation.batch.size",
        "is left out",
        "a batch may be given as an iterator, which counting would use up",
    ),
    Deviation(
        QUERY_SPANS,
        names.INSTANCE_ID,
        "is added",
        "on Aurora it shows where a statement ran",
    ),
    Deviation(QUERY_SPANS, names.INSTANCE_ROLE, "is added", "as the instance's identifier"),
    Deviation(
        queries.DURATION.name,
        queries.OPERATION,
        "is left out",
        "an application's text would decide how many series there are",
    ),
    Deviation(queries.DURATION.name, queries.SUMMARY, "is left out", "as the operation"),
    Deviation(queries.DURATION.name, "db.collection.name", "is left out", _NO_PARSER),
    Deviation(queries.DURATION.name, "db.stored_procedure.name", "is left out", _NO_PARSER),
    *(
        Deviation(
            queries.DURATION.name,
            attribute,
            "is left out",
            "addresses come and go with failovers; the span `track connection` shows them",
        )
        for attribute in ("network.peer.address", "network.peer.port")
    ),
)
