"""What a process under `opentelemetry-instrument` exports: the metrics."""

from collections import Counter

from aurora_otel.collector import MetricKind, Temporality
from aurora_otel.model.former_writers import Cause
from aurora_otel.model.groups import Outcome, PruneReason
from aurora_otel.model.symptoms import Symptom
from aurora_otel.telemetry import agent_names, names
from aurora_otel.telemetry.names import Kind
from tests.telemetry.story import IN_VAIN

COMMON = {"aurora.cluster.id", "db.system.name"}
KINDS = {
    Kind.COUNTER: (MetricKind.SUM, True, Temporality.CUMULATIVE),
    Kind.UP_DOWN_COUNTER: (MetricKind.SUM, False, Temporality.CUMULATIVE),
    Kind.GAUGE: (MetricKind.GAUGE, False, None),
    Kind.HISTOGRAM: (MetricKind.HISTOGRAM, False, Temporality.CUMULATIVE),
}
INSTANCES = {"lab-1", "lab-2", "lab-3"}


def points(exported, metric):
    return [
        point
        for export in exported.collector.exports
        for point in export
        if point.name == metric.name
    ]


# Seen only where a connect fails, or may go straight: in tests/behaviour/test_stale_names.py.
OF_CONNECTS = {names.FAILURES, names.STRAIGHT}


def ours(export):
    """What belongs to a cluster."""
    agents = {metric.name for metric in agent_names.METRICS}
    return [
        point for point in export if point.name.startswith("aurora.") and point.name not in agents
    ]


def series(point):
    return (point.name, frozenset(point.attributes.items()))


def test_every_metric_arrives_with_its_kind_unit_and_attributes(exported):
    for metric in names.METRICS:
        found = points(exported, metric)
        assert found or metric in OF_CONNECTS, metric.name
        optional = {"error.type"} & set(metric.attributes)
        for point in found:
            assert (point.kind, point.monotonic, point.temporality) == KINDS[metric.kind]
            assert (point.unit, point.description) == (metric.unit, metric.description)
            assert set(point.attributes) | optional == COMMON | set(metric.attributes)
            assert point.attributes["aurora.cluster.id"] == "lab"
            assert point.attributes["db.system.name"] == "postgresql"
            assert point.scope.name == "aurora_otel"


def test_no_metric_arrives_that_is_not_defined(exported):
    assert exported.collector.problems == []
    defined = {metric.name for metric in names.METRICS}
    found = {p.name for export in exported.collector.exports for p in ours(export)}
    assert found <= defined
    assert defined - found <= {metric.name for metric in OF_CONNECTS}


def test_histograms_have_the_boundaries_of_their_definition(exported):
    for metric in names.METRICS:
        if metric.kind is Kind.HISTOGRAM:
            assert {p.histogram.bounds for p in points(exported, metric)} == {metric.boundaries}


def test_opens_equal_open_plus_ended_at_every_export(exported):
    exports = [found for export in exported.collector.exports if (found := ours(export))]
    assert exports
    for export in exports:
        opened, ended = Counter(), Counter()
        for point in export:
            place = (
                point.attributes["aurora.cluster.id"],
                point.attributes.get("aurora.instance.id"),
            )
            if point.name == names.OPENS.name:
                opened[place] += point.value
            elif point.name in (names.COUNT.name, names.CLOSES.name, names.PRUNES.name) or (
                point.name == names.INVALIDATIONS.name
                and point.attributes["aurora.invalidation.outcome"] == "closed"
            ):
                ended[place] += point.value
        assert dict(opened) == {place: ended[place] for place in opened}
        assert set(ended) == set(opened)


def expected_series(mode, driver, instance):
    """What each known instance has for each driver, whether anything happened or not."""
    outcomes = {"cleanup": [Outcome.CLOSED, Outcome.FAILED], "observe": [Outcome.OBSERVED]}[mode]
    here = {
        "aurora.cluster.id": "lab",
        "db.system.name": "postgresql",
        "aurora.instance.id": instance,
        "aurora.driver": driver,
    }
    for metric in (names.STALE, names.CLOSES, names.MISROUTES, names.REFUSALS):
        yield metric.name, frozenset(here.items())
    for reason in PruneReason:
        yield (
            names.PRUNES.name,
            frozenset({**here, "aurora.prune.reason": reason.value}.items()),
        )
    for cause in Cause:
        for outcome in outcomes:
            more = {
                "aurora.invalidation.cause": cause.value,
                "aurora.invalidation.outcome": outcome.value,
            }
            yield names.INVALIDATIONS.name, frozenset({**here, **more}.items())


def test_every_known_instance_has_explicit_zeros(exported):
    # Everything that the newest export shows of the instances was there in the first that counts
    # connections of both drivers, when nothing had happened yet.
    export = next(
        found
        for export in exported.collector.exports
        if (found := ours(export)) and {"psycopg", "psycopg2"} <= drivers(found)
    )
    there = {series(point) for point in export}
    for instance in INSTANCES:
        for driver in ("psycopg", "psycopg2"):
            missing = set(expected_series(exported.mode, driver, instance)) - there
            assert not missing
        for metric in (names.COUNT, names.OPENS):
            assert any(
                p.name == metric.name and p.attributes["aurora.instance.id"] == instance
                for p in export
            )
    symptoms = {p.attributes["aurora.failover.symptom"] for p in points_in(export, names.FAILOVERS)}
    assert symptoms == {symptom.value for symptom in Symptom}


def drivers(export):
    """Which drivers' connections an export counts; a histogram may have another one already."""
    return {point.attributes["aurora.driver"] for point in points_in(export, names.OPENS)}


def points_in(export, metric):
    return [point for point in export if point.name == metric.name]


def test_a_series_that_was_shown_is_shown_for_ever(exported):
    seen = set()
    for export in exported.collector.exports:
        if not (found := ours(export)):
            continue
        now = {series(point) for point in found if point.name != names.WRITER.name}
        assert seen <= now
        seen = now


def test_counters_never_go_down(exported):
    last = {}
    for export in exported.collector.exports:
        for point in ours(export):
            if point.monotonic:
                assert point.value >= last.get(series(point), 0)
                last[series(point)] = point.value


def test_the_writer_gauge_names_one_writer_and_is_silent_when_it_knows_nothing_new(exported):
    shown = [
        points_in(export, names.WRITER) for export in exported.collector.exports if ours(export)
    ]
    # A refresh window of 2 s was set, and nothing was learnt for longer than that.
    assert [] in shown
    for export in filter(None, shown):
        assert [point.value for point in export].count(1) <= 1
        assert {point.value for point in export} <= {0, 1}
    first = next(export for export in shown if len(export) == len(INSTANCES))
    values = {point.attributes["aurora.instance.id"]: point.value for point in first}
    assert values == {name: int(name == exported.switches[0].old_writer) for name in INSTANCES}


def test_what_happened_is_counted(cleaned_up):
    exported = cleaned_up
    for reason in ("garbage_collected", "closed"):
        assert exported.total(names.PRUNES, prune_reason=reason) == 1
    assert exported.total(names.PRUNES, prune_reason="hung_up") >= 1
    assert exported.total(names.MISROUTES) == 1
    old = exported.switches[0].old_writer
    first = {"instance_id": old, "invalidation_cause": "writer_changed"}
    assert exported.total(names.INVALIDATIONS, **first, invalidation_outcome="failed") == 1
    for cause in ("write_refused", "misrouted"):
        assert exported.total(names.INVALIDATIONS, invalidation_cause=cause) == 1
    for symptom in ("read_only", "hung_up", "stuck", "topology", "misrouted"):
        for metric in (names.FAILOVERS, names.DETECTION):
            assert exported.total(metric, failover_symptom=symptom) == 1
    assert exported.total(names.FAILOVERS, failover_symptom="connection_lost") == 0
    assert exported.total(names.CLEANUP) == len(exported.switches)
    # What had been invalidated is no close: five were closed that had not been.
    assert exported.total(names.LIFETIME) == exported.total(names.OPENS) - exported.total(
        names.COUNT
    )


def test_opens_have_endpoint_driver_and_role(cleaned_up):
    first, second, third = "lab-1", "lab-2", "lab-3"
    opened = {
        (
            p.attributes["aurora.endpoint.type"],
            p.attributes["aurora.driver"],
            p.attributes["aurora.instance.role"],
        )
        for p in cleaned_up.collector.latest(names.OPENS.name)
        if p.value and p.attributes["aurora.instance.id"] in (first, second, third)
    }
    assert {
        ("writer", "psycopg", "writer"),
        ("writer", "psycopg2", "writer"),
        ("reader", "psycopg", "reader"),
        ("custom", "psycopg2", "reader"),
        ("instance", "psycopg", "reader"),
        ("other", "psycopg", "reader"),
        ("writer", "psycopg", "reader"),
    } <= opened


def test_observe_counts_each_stale_connection_once_and_closes_nothing(observed):
    exported = observed
    outcomes = {
        p.attributes["aurora.invalidation.outcome"]: p.value
        for p in exported.collector.latest(names.INVALIDATIONS.name)
    }
    assert set(outcomes) == {"observed"}
    # Four after the crash, two after the switchover, though each was met twice.
    assert exported.total(names.INVALIDATIONS, invalidation_outcome="observed") == 6
    assert exported.total(names.CLOSES, instance_id=exported.switches[1].old_writer) >= 2
    assert (
        max(sum(p.value for p in points_in(e, names.STALE)) for e in exported.collector.exports)
        >= 2
    )
    assert exported.calls["refused"].error == exported.calls["refused again"].error
    assert exported.total(names.FAILOVERS, failover_symptom="connection_lost") == 1
    assert exported.total(names.FAILOVERS, failover_symptom="read_only") == 1


def test_a_refresh_in_vain_is_measured_with_its_error(observed):
    failed = [
        p
        for p in observed.collector.latest(names.REFRESH.name)
        if p.attributes.get("error.type") in IN_VAIN
    ]
    assert sum(p.histogram.count for p in failed) >= 1
    assert observed.total(names.REFRESH, topology_source="sql") > len(failed)
