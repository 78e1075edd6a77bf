"""What the observable metrics read, computed in one go.

Every figure comes from the tracker's totals and sets under one hold of its lock, so that the totals
add up at every export. Each set of attributes that can occur is reported from its first moment,
with 0: a series that is born with its first event never shows in a rate, and one that vanishes
goes on being served by a collector for minutes. Failed connects alone are born with an
event: the type of an error is not known before.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from opentelemetry.semconv.attributes.db_attributes import DB_SYSTEM_NAME

from aurora_otel.model.former_writers import Cause
from aurora_otel.model.groups import UNKNOWN, Group, Outcome, PruneReason
from aurora_otel.model.straight import StraightReason
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import EventKind, Role
from aurora_otel.settings import Mode, RdsApiUse, Settings
from aurora_otel.telemetry import names
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.tracker import Tracker

# Values of a metric's attributes, in the order of its definition, behind cluster and system.
Key = tuple[str | int, ...]
Observations = dict[str, dict[Key, int]]


def observe(
    tracker: Tracker, clusters: Iterable[Cluster], settings: Settings, now: float
) -> Observations:
    """Return every observable metric's values, by name and attribute values.

    Args:
        tracker: which connection leads to which instance.
        clusters: what is known of each.
        settings: mode and refresh window.
        now: seconds of the monotonic clock.
    """
    found: Observations = defaultdict(lambda: defaultdict(int))
    with tracker.settled():
        clusters = list(clusters)
        unnamed = {cluster.label for cluster in clusters if cluster.awaits_name}
        for cluster in clusters:
            if cluster.awaits_name:
                continue
            for each in (cluster, *cluster.absorbed):
                _zeros(found, tracker, each, settings)
            _open_now(found, tracker, cluster)
            _writer(found, cluster, now - settings.refresh_window)
        _books(found, tracker, unnamed)
    return found


def attributes(metric: names.Metric) -> Callable[[Key], dict[str, Any]]:
    """Return a function that turns the key of an observation of `metric` into its attributes."""
    carried = (names.CLUSTER_ID, DB_SYSTEM_NAME, *metric.attributes)
    return lambda key: dict(zip(carried, key, strict=True))


def _add(found: Observations, metric: names.Metric, key: Key, count: int) -> None:
    found[metric.name][key] += count


def _books(found: Observations, tracker: Tracker, unnamed: Collection[str]) -> None:
    for group, book in tracker.books.items():
        if group.cluster in unnamed:
            continue
        base = (group.cluster, group.system)
        for error, count in book.failures.items():
            _add(found, names.FAILURES, (*base, group.driver, error), count)
        if book.failures and not book.opens:
            continue
        here = (*base, group.instance)
        for why, count in book.straight.items():
            _add(found, names.STRAIGHT, (*base, group.driver, why.value), count)
        opened = (*here, group.role.value, group.driver, group.endpoint_type.value)
        _add(found, names.OPENS, opened, book.opens)
        _add(found, names.CLOSES, (*here, group.driver), book.closes)
        _add(found, names.MISROUTES, (*here, group.driver), book.misroutes)
        _add(found, names.REFUSALS, (*here, group.driver), book.refusals)
        for reason, count in book.prunes.items():
            _add(found, names.PRUNES, (*here, group.driver, reason.value), count)
        for (cause, outcome), count in book.invalidations.items():
            key = (*here, group.driver, cause.value, outcome.value)
            _add(found, names.INVALIDATIONS, key, count)


def _open_now(found: Observations, tracker: Tracker, cluster: Cluster) -> None:
    for group, tracks in tracker.open(cluster).items():
        role = cluster.role(group.instance)
        cluster.reported.setdefault((group.instance, role, group.driver))
        key = (group.cluster, group.system, group.instance, role.value, group.driver)
        _add(found, names.COUNT, key, len(tracks))
    for track in tracker.stale(cluster):
        _add(found, names.STALE, _by_driver(track.group), 1)


def _writer(found: Observations, cluster: Cluster, oldest: float) -> None:
    if cluster.detector.writer is None or cluster.known_at < oldest:
        return
    for instance in list(cluster.instances):
        key = (cluster.label, cluster.system, instance)
        _add(found, names.WRITER, key, int(instance == cluster.detector.writer))


def _failovers(found: Observations, cluster: Cluster, settings: Settings) -> None:
    base = (cluster.label, cluster.system)
    for symptom in Symptom:
        _add(found, names.FAILOVERS, (*base, symptom.value), cluster.failovers[symptom])
    if settings.rds_api is RdsApiUse.OFF:
        return
    _add(found, names.DISAGREEMENTS, base, cluster.disagreements)
    for kind in EventKind:
        _add(found, names.EVENTS, (*base, kind.value), cluster.events[kind])


def _by_driver(group: Group) -> Key:
    return (group.cluster, group.system, group.instance, group.driver)


def _zeros(found: Observations, tracker: Tracker, cluster: Cluster, settings: Settings) -> None:
    base = (cluster.label, cluster.system)
    if cluster.has_topology or cluster.failovers:
        _failovers(found, cluster, settings)
    kinds: dict[str, list[str]] = defaultdict(list)
    for driver, endpoint_type in list(cluster.drivers):
        kinds[driver].append(endpoint_type.value)
    for driver in kinds:
        if settings.may_go_straight and cluster.has_topology:
            for reason in StraightReason:
                found[names.STRAIGHT.name].setdefault((*base, driver, reason.value), 0)
        for instance, role in _instances(tracker, cluster):
            cluster.reported.setdefault((instance, role, driver))
            for metric, values in _occurring(settings.mode):
                found[metric.name].setdefault((*base, instance, driver, *values), 0)
    for instance, role, driver in cluster.reported:
        here = (*base, instance, role.value, driver)
        found[names.COUNT.name].setdefault(here, 0)
        for kind in kinds[driver]:
            found[names.OPENS.name].setdefault((*here, kind), 0)


@functools.cache
def _occurring(mode: Mode) -> tuple[tuple[names.Metric, Key], ...]:
    """Return the metrics by instance and driver, and what can follow these two."""
    observed = (Outcome.OBSERVED,)
    outcomes = observed if mode is Mode.OBSERVE else (Outcome.CLOSED, Outcome.FAILED)
    return (
        (names.STALE, ()),
        (names.CLOSES, ()),
        (names.MISROUTES, ()),
        (names.REFUSALS, ()),
        *((names.PRUNES, (reason.value,)) for reason in PruneReason),
        *(
            (names.INVALIDATIONS, (cause.value, outcome.value))
            for cause in Cause
            for outcome in outcomes
        ),
    )


def _instances(tracker: Tracker, cluster: Cluster) -> Iterator[tuple[str, Role]]:
    for instance in list(cluster.instances):
        yield instance, cluster.role(instance)
    if any(group.instance == UNKNOWN for group in tracker.open(cluster)):
        yield UNKNOWN, Role.UNKNOWN
