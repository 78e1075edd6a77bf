"""Renders `docs/telemetry.md` from the definitions in `names`.

python -m aurora_otel.telemetry.document > docs/telemetry.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import chain

from aurora_otel.telemetry import agent_names, names, pool_metrics, prometheus, queries
from aurora_otel.telemetry.conventions import DEVIATIONS
from aurora_otel.telemetry.names import Metric
from aurora_otel.telemetry.spans import MOST_LINKS

_INTRODUCTION = """\
# Telemetry

Generated from `aurora_otel/telemetry/names.py` by `python -m aurora_otel.telemetry.document`: \
do not edit.

These names are the product's interface: dashboards, alerts and tests use them. Everything comes \
from the instrumentation scope `aurora_otel`. Nothing here contains a password, a token, a \
connection string or, unless `QUERY_SPANS=text` asks for it, the text of a statement.
"""

_COMMON = f"""\
Every metric of this table carries `{names.CLUSTER_ID}` and `db.system.name` besides the attributes
in it.
"""

_METRIC_HEAD = ("metric", "instrument", "unit", "attributes", "meaning", "on Prometheus")

_POOLS = f"""\
The metrics of the semantic conventions, from every [supported pool](drivers-and-pools.md#pools), as
far as it knows them. They carry no cluster, because a pool may lead anywhere. Of the database they
carry what the pool was configured with. `{pool_metrics.POOL_NAME}` is the name of the pool,
otherwise the first that is known of the database's name, `host:port`, the database system and the
library. A second pool of the same name gets `-2`. {pool_metrics.MOST_POOLS} names have series of
their own. Pools beyond these share the name `{pool_metrics.OTHER}`. A connection is used from the
checkout to its return. The wait includes the opening of a connection, if the pool
opens one for the caller.
"""

_AGENT = f"""\
These are about the agent itself, whatever it is connected to.
`sum by ({prometheus.label(agent_names.MODE)})` counts the processes that clean up, and those that
observe.
"""

_READING = """\
## How to read the figures

**One failover is counted by every process.** Each process that is connected to the cluster finds
out for itself. To count failovers, take the maximum over processes, not the sum:
`max by (aurora_cluster_id) (…)`. Connections, on the other hand, belong to one process each: add
them up.

**The totals add up.** At every export, for each cluster and instance:

    opens = count + closes + prunes + invalidations with outcome `closed`

An invalidated connection counts as invalidated, whatever the application does with it later:
`closes` does not count it. An invalidation with the outcome `failed` or `observed` leaves the
connection open, and is counted once for each connection and change of the writer.

**Zeros are explicit.** From the first export after an instance became known, it has a point in each
counter, with 0 where nothing has happened. The reason: `rate` does not show a series that begins
with its first event, and a Collector serves a series that has ended for minutes more.
`aurora.topology.writer` is the exception. It is not reported once nothing has been learnt of the
cluster for longer than the refresh window.

**Failovers are rare.** `rate` of a rare event is mostly 0, and a quantile of it is NaN. Use
`histogram_quantile` over the buckets themselves, without `rate`.

**Rely on the metrics and the WARNING log record for what happened.** Spans may be sampled away.

**Forks.** A forked child counts from 0. Histograms are the exception: what was recorded before the
fork is repeated by each child. The HTTP thread of OpenTelemetry's Prometheus exporter does not
survive a fork: prefork servers export over OTLP.
"""

_QUERY_ATTRIBUTES = ", ".join(f"`{name}`" for name in queries.SPAN_ATTRIBUTES)
_SPANS = f"""\
All spans of the table are of kind internal. A span of the agent's own threads is a root span,
unless the agent works for a call of the application there. A span has at most {MOST_LINKS} links.
No span has events, because OpenTelemetry deprecates them: log records with an event name take
their place.

Query spans of other instrumentations built on OpenTelemetry's `dbapi` carry
`{names.INSTANCE_ID}` and `{names.INSTANCE_ROLE}` of their connection, as at its opening.

With the setting `QUERY_SPANS`, the agent makes query spans of its own, for drivers that no other
instrumentation reports. They are of kind client, and named after the operation, otherwise after the
database. Their attributes have the stable names of the semantic conventions: {_QUERY_ATTRIBUTES}.
`{queries.TEXT}` needs `QUERY_SPANS=text`, and has no values that are bound to the statement.
`{queries.ERROR}` and `{queries.STATUS_CODE}` are there when the call failed. Each such call is
measured, too:
"""

_LOGS = f"""\
Records of the standard logger `{names.LOGGER}` and those below it, with these attributes as
`extra`. If `opentelemetry-instrumentation-logging` is installed, OpenTelemetry exports them, from
the logger's level up. A record with an event name carries it as `{names.EVENT_NAME}`; from 0.66b0
on, that package makes it the field `event_name` of the exported record. Each kind of trouble with
the RDS API, and each kind of internal failure, is logged once. A wrong environment variable, or a
wrong key of the configuration file, is an ERROR of the logger `{names.LOGGER}.settings`, without
attributes. If no handler writes to standard error, it is written there as well.
"""


_CONVENTIONS = f"""\
Names, instruments, units and attributes follow OpenTelemetry's semantic conventions
{names.CONVENTIONS}, whose schema (`{names.SCHEMA_URL}`) tracer and meter name; names
that begin with `aurora.` are the agent's own.
A test holds each attribute of each signal against that release. Where the telemetry differs:
"""


def render() -> str:
    """Return the whole document."""
    parts = (
        _INTRODUCTION,
        "## Attributes\n",
        _table(
            ("attribute", "meaning"),
            ((_code(a.name), a.meaning) for a in _attributes()),
        ),
        "## Metrics\n",
        _COMMON,
        _table(_METRIC_HEAD, map(_metric_row, names.METRICS)),
        *chain.from_iterable(
            (f"Buckets of {_codes(found)}, in seconds: {_numbers(bounds)}.\n",)
            for bounds, found in _boundaries().items()
        ),
        "### Pools\n",
        _POOLS,
        _table(_METRIC_HEAD, map(_metric_row, pool_metrics.METRICS)),
        "### The agent\n",
        _AGENT,
        _table(_METRIC_HEAD, map(_metric_row, agent_names.METRICS)),
        _READING,
        "## Spans\n",
        _SPANS,
        _table(_METRIC_HEAD, map(_metric_row, queries.METRICS)),
        _table(
            ("span", "when", "parent", "links", "attributes"),
            (
                (_code(s.name), s.when, s.parent, s.links or "none", _codes(s.attributes))
                for s in names.SPANS
            ),
        ),
        "## Log records\n",
        _LOGS,
        _table(
            ("level", "message", "event name", "attributes"),
            (
                (
                    log.level,
                    _code(log.message),
                    _code(log.event) if log.event else "none",
                    _codes(log.attributes),
                )
                for log in (*names.LOGS, *agent_names.LOGS)
            ),
        ),
        "## The semantic conventions\n",
        _CONVENTIONS,
        _table(
            ("signal", "attribute", "what", "why"),
            ((_code(d.signal), _code(d.attribute), d.what, d.why) for d in DEVIATIONS),
        ),
    )
    return "\n".join(parts)


def _attributes() -> Iterable[names.Attribute]:
    """Return all attributes, those of pools and queries last."""
    return chain(
        names.ATTRIBUTES,
        agent_names.ATTRIBUTES,
        queries.ATTRIBUTES,
        pool_metrics.ATTRIBUTES,
    )


def _metric_row(metric: Metric) -> Sequence[str]:
    return (
        _code(metric.name),
        metric.kind.value,
        _code(metric.unit),
        _codes(metric.attributes) or "none",
        metric.description,
        _code(prometheus.metric_name(metric)),
    )


def _boundaries() -> dict[tuple[float, ...], list[str]]:
    found: dict[tuple[float, ...], list[str]] = {}
    for metric in (*names.METRICS, *pool_metrics.METRICS, *queries.METRICS):
        if metric.boundaries:
            found.setdefault(metric.boundaries, []).append(metric.name)
    return found


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.10g}" for value in values)


def _code(text: str) -> str:
    return f"`{text}`"


def _codes(texts: Iterable[str]) -> str:
    return ", ".join(map(_code, texts))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(render())
