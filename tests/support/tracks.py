"""Hand-made clusters and connections, for tests of the tracker."""

from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.topology import Verdict
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import State, Track

SYSTEM = "postgresql"


class Connection:
    """Something that can be referred to weakly."""


def new_cluster(label="orders", writer="a"):
    cluster = Cluster(label, SYSTEM, Detector(Pace(180.0, 1.0), lambda: 0.5))
    cluster.learn(("a", "b", "c"), 0.0)
    if writer:
        cluster.detector.introduce(writer)
    return cluster


def judge(cluster, writer, began):
    return cluster.detector.judge(Verdict(writer, ("a", "b", "c"), began))


def new_track(  # noqa: PLR0913 - a record
    tracker, cluster, connection, *, instance="a", at=1.0, kind=EndpointType.WRITER, **found
):
    group = cluster.group(instance, cluster.role(instance), "psycopg", kind)
    return Track(
        connection,
        tracker.collected,
        group=group,
        cluster=cluster,
        instance=instance,
        opened_at=at,
        socket=None,
        **found,
    )


def opened(tracker, cluster, connection, **facts):
    track = new_track(tracker, cluster, connection, **facts)
    tracker.note(track)
    tracker.drain()
    return track


def balance(tracker, *clusters):
    """Return for each group its opens, and the sum that they have to equal."""
    open_now = {}
    for cluster in clusters:
        for group, tracks in tracker.open(cluster).items():
            open_now[group] = open_now.get(group, 0) + len(tracks)
            assert all(track.state in (State.OPEN, State.CLAIMED) for track in tracks)
            assert all(track.cluster is cluster for track in tracks)
    return {
        group: (
            book.opens,
            open_now.get(group, 0)
            + book.closes
            + sum(book.prunes.values())
            + sum(n for (_, outcome), n in book.invalidations.items() if outcome.value == "closed"),
        )
        for group, book in tracker.books.items()
    }


def is_balanced(tracker, *clusters):
    return all(opens == ends for opens, ends in balance(tracker, *clusters).values())
