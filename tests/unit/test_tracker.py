import gc
import threading

import pytest

from aurora_otel.model.endpoints import Address, Endpoint, EndpointType
from aurora_otel.model.former_writers import Cause
from aurora_otel.model.groups import Outcome, PruneReason
from aurora_otel.tracking.track import State
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, is_balanced, judge, new_cluster, new_track, opened


@pytest.fixture
def tracker():
    return Tracker()


@pytest.fixture
def cluster():
    return new_cluster()


def book(tracker, track):
    return tracker.books[track.group]


def test_an_open_connection_is_tracked_and_counted(tracker, cluster):
    connection = Connection()
    track = opened(tracker, cluster, connection)
    assert tracker.tracks(cluster) == [track]
    assert track() is connection
    assert book(tracker, track).opens == 1


def test_a_closed_connection_is_no_longer_tracked(tracker, cluster):
    connection = Connection()
    track = opened(tracker, cluster, connection)
    track.closed = True
    for _ in range(3):
        tracker.note(track)
    assert tracker.tracks(cluster) == []
    del connection
    tracker.drain()
    assert (book(tracker, track).closes, track.state) == (1, State.CLOSED)
    assert [(ended.track, ended.reason) for ended in tracker.take_ended()] == [(track, None)]
    assert tracker.take_ended() == []


@pytest.mark.parametrize(
    ("lost", "reason"), [(False, PruneReason.GARBAGE_COLLECTED), (True, PruneReason.CLOSED)]
)
def test_a_connection_that_the_application_dropped_is_pruned(tracker, cluster, lost, reason):
    connection = Connection()
    track = opened(tracker, cluster, connection)
    track.lost = lost
    del connection
    assert tracker.tracks(cluster) == []
    assert book(tracker, track).prunes == {reason: 1}
    assert tracker.take_ended()[0].reason is reason


def test_a_connection_opened_and_closed_between_two_exports_is_counted_as_both(tracker, cluster):
    connection = Connection()
    track = new_track(tracker, cluster, connection)
    track.closed = True
    tracker.note(track)
    del connection
    tracker.drain()
    assert (book(tracker, track).opens, book(tracker, track).closes) == (1, 1)


def test_two_tracks_of_one_connection_are_two(tracker, cluster):
    connection = Connection()
    tracks = {opened(tracker, cluster, connection) for _ in range(2)}
    assert len(tracks) == 2
    assert len(tracker.tracks(cluster)) == 2


def test_only_stale_connections_opened_before_the_reading_are_claimed(tracker, cluster):
    held = [Connection() for _ in range(4)]
    old = opened(tracker, cluster, held[0], at=1.0)
    opened(tracker, cluster, held[1], instance="b", at=1.0)
    opened(tracker, cluster, held[2], at=20.0)
    closed = opened(tracker, cluster, held[3], at=1.0)
    closed.closed = True
    tracker.note(closed)
    judge(cluster, "b", 20.0)
    assert tracker.claim(cluster, 20.0) == [(old, Cause.WRITER_CHANGED)]
    assert tracker.claim(cluster, 20.0) == []
    assert not old.is_tracked


@pytest.mark.parametrize(
    ("outcome", "state", "counted"),
    [
        (Outcome.CLOSED, State.INVALIDATED, 1),
        (Outcome.FAILED, State.OPEN, 1),
        (Outcome.OBSERVED, State.OPEN, 1),
        (None, State.OPEN, 0),
    ],
)
def test_what_came_of_a_claimed_connection(tracker, cluster, outcome, state, counted):
    connection = Connection()
    track = opened(tracker, cluster, connection)
    judge(cluster, "b", 20.0)
    ((_, cause),) = tracker.claim(cluster, 20.0)
    settled = tracker.settle([(track, cause, outcome)])
    assert [(each.track, each.outcome) for each in settled] == [(track, outcome)] * counted
    assert track.state is state
    assert (track in tracker.stale(cluster)) is (state is State.OPEN)
    assert sum(book(tracker, track).invalidations.values()) == counted
    assert is_balanced(tracker, cluster)


def test_the_application_closes_what_was_invalidated_and_that_is_not_counted(tracker, cluster):
    connection = Connection()
    track = opened(tracker, cluster, connection)
    judge(cluster, "b", 20.0)
    ((_, cause),) = tracker.claim(cluster, 20.0)
    track.closed = True
    tracker.note(track)
    tracker.settle([(track, cause, Outcome.CLOSED)])
    del connection
    tracker.drain()
    assert book(tracker, track).closes == 0
    assert is_balanced(tracker, cluster)


def test_the_application_was_faster_than_the_cleanup(tracker, cluster):
    connection = Connection()
    track = opened(tracker, cluster, connection)
    judge(cluster, "b", 20.0)
    ((_, cause),) = tracker.claim(cluster, 20.0)
    track.closed = True
    tracker.note(track)
    assert tracker.settle([(track, cause, None)]) == []
    assert book(tracker, track).closes == 1
    assert is_balanced(tracker, cluster)


@pytest.mark.parametrize("outcome", [Outcome.OBSERVED, Outcome.FAILED])
def test_a_connection_that_stays_open_is_counted_once_for_each_change(tracker, cluster, outcome):
    connection = Connection()
    track = opened(tracker, cluster, connection)

    def clean_up(writer, began):
        judge(cluster, writer, began)
        claimed = tracker.claim(cluster, began)
        return len(tracker.settle([(*claim, outcome) for claim in claimed]))

    assert [clean_up("b", 20.0), clean_up("b", 21.0), clean_up("c", 22.0)] == [1, 0, 1]
    assert track.state is State.OPEN


def test_a_refused_write_makes_a_connection_stale_at_once(tracker, cluster):
    connection = Connection()
    track = opened(tracker, cluster, connection, instance="c", kind=EndpointType.OTHER)
    judge(cluster, "b", 20.0)
    assert track not in tracker.stale(cluster)
    track.refused_at = 21.0
    tracker.note(track)
    tracker.drain()
    assert track in tracker.stale(cluster)


def test_what_is_refused_after_a_reading_began_is_for_a_later_one_to_judge(tracker, cluster):
    connection = Connection()
    track = opened(tracker, cluster, connection, instance="c", kind=EndpointType.OTHER)
    judge(cluster, "b", 20.0)
    track.refused_at = 21.0
    assert not tracker.claim(cluster, 20.0, refused_before=20.0)
    assert not tracker.claim(cluster, 20.0, refused_before=21.0)
    assert tracker.claim(cluster, 22.0, refused_before=22.0) == [(track, Cause.WRITE_REFUSED)]


def test_a_connection_that_came_to_another_end_is_not_pruned(tracker, cluster):
    held = [Connection(), Connection()]
    closed, open_still = (opened(tracker, cluster, each) for each in held)
    closed.closed = True
    tracker.note(closed)
    assert tracker.prune([closed, open_still], PruneReason.HUNG_UP) == 1
    assert tracker.prune([closed, open_still], PruneReason.HUNG_UP) == 0
    assert is_balanced(tracker, cluster)


def test_clusters_that_turn_out_to_be_one_share_their_connections(tracker, cluster):
    other = new_cluster("reports", writer=None)
    held = [Connection(), Connection(), Connection()]
    tracks = [opened(tracker, cluster, held[0]), opened(tracker, other, held[1])]
    claimed = new_track(tracker, other, held[2])  # still in the inbox
    tracker.note(claimed)
    tracker.absorb(cluster, other)
    assert set(tracker.tracks(cluster)) == {*tracks, claimed}
    assert tracker.tracks(other) == []
    judge(cluster, "b", 20.0)
    assert len(tracker.claim(cluster, 20.0)) == 3
    assert is_balanced(tracker, cluster, other)


def test_a_connection_opened_while_its_cluster_is_absorbed_goes_where_the_others_are(tracker):
    winner, loser = new_cluster(), new_cluster("reports")
    connection = Connection()
    late = new_track(tracker, loser, connection)
    winner.take_over(loser)
    tracker.absorb(winner, loser)
    tracker.note(late)
    assert tracker.tracks(winner) == [late]
    assert is_balanced(tracker, winner, loser)


def test_connections_to_what_another_cluster_lists_are_its_own_from_then_on(tracker, cluster):
    other = new_cluster("reports", writer=None)
    other.learn(("c", "d"), 1.0, by_writer=True)
    held = {instance: Connection() for instance in "acd"}
    tracks = {
        instance: opened(tracker, cluster, connection, instance=instance)
        for instance, connection in held.items()
    }
    tracks["c"].refused_by_reader = True
    tracker.part(cluster, other)
    assert set(tracker.tracks(cluster)) == {tracks["a"], tracks["c"]}
    assert tracker.tracks(other) == [tracks["d"]]
    # Both list it: until it answers again, it is judged by neither.
    assert [tracks[instance].instance for instance in "acd"] == ["a", None, "d"]
    assert not tracks["c"].refused_by_reader
    assert is_balanced(tracker, cluster, other)


def test_misroutes_are_counted_by_group(tracker, cluster):
    group = cluster.group("b", cluster.role("b"), "psycopg", EndpointType.WRITER)
    tracker.note_misroute(group)
    with tracker.settled():
        assert tracker.books[group].misroutes == 1


def in_time(function):
    """Run `function` on a thread that would hang for ever in a deadlock; return what it raised."""
    raised = []

    def run():
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised in the test
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "deadlock"
    return raised


def test_a_connection_collected_while_the_lock_is_held_deadlocks_nothing(tracker, cluster):
    """As SQLAlchemy does: it closes a leaked connection from a weakref callback of its own."""
    connection = Connection()
    track = opened(tracker, cluster, connection)
    second = Connection()
    leaked = opened(tracker, cluster, second)

    class Owner:
        def __del__(self):
            # The application's close() and rollback(), out of the garbage collector.
            track.closed = True
            tracker.note(track)

    owner = Owner()
    owner.cycle, owner.held = owner, second
    del owner, second

    def strike():
        with tracker.settled():
            gc.collect()
            assert leaked() is None
            assert tracker.inbox

    gc.disable()
    try:
        assert in_time(strike) == []
    finally:
        gc.enable()
    assert tracker.tracks(cluster) == []
    assert book(tracker, track).closes == 1
    assert book(tracker, track).prunes == {PruneReason.GARBAGE_COLLECTED: 1}


def test_threads_that_open_close_and_leak_at_the_same_time_lose_no_count(tracker, cluster):
    def use():
        for number in range(300):
            connection = Connection()
            track = opened(tracker, cluster, connection)
            if number % 3:
                track.closed = True
                tracker.note(track)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(50):
        judge(cluster, "ab"[number % 2], 2.0 + number)
        claimed = tracker.claim(cluster, 2.0 + number)
        tracker.settle([(*claim, Outcome.CLOSED) for claim in claimed])
    for thread in threads:
        thread.join()
    assert tracker.tracks(cluster) == []
    assert sum(each.opens for each in tracker.books.values()) == 1200
    assert is_balanced(tracker, cluster)


def test_clusters_that_get_one_name_are_counted_together(tracker):
    first, second = new_cluster("db.internal"), new_cluster("db-batch.internal")
    connections = [Connection() for _ in range(8)]
    for connection in connections[:5]:
        opened(tracker, first, connection)
    for connection in connections[5:]:
        opened(tracker, second, connection)
    for cluster in (first, second):
        tracker.rename(cluster, "orders")
        tracker.rename(cluster, "orders")
    (group,) = tracker.books
    assert (group.cluster, tracker.books[group].opens) == ("orders", 8)
    assert [len(tracker.tracks(cluster)) for cluster in (first, second)] == [5, 3]
    del connection, connections
    gc.collect()
    tracker.drain()
    assert tracker.books[group].prunes == {PruneReason.GARBAGE_COLLECTED: 8}


def test_a_cluster_that_is_named_keeps_what_it_took_over_under_that_name(tracker):
    winner, loser = new_cluster("db.internal"), new_cluster("orders")
    connections = [Connection() for _ in range(6)]
    for connection in connections[:2]:
        opened(tracker, winner, connection)
    for connection in connections[2:]:
        opened(tracker, loser, connection)
    winner.take_over(loser)
    tracker.absorb(winner, loser)
    tracker.rename(winner, "orders")
    assert len(tracker.tracks(winner)) == 6
    assert sum(book.opens for book in tracker.books.values()) == 6


def test_connections_through_a_pooler_are_to_no_instance_and_are_never_claimed(tracker, cluster):
    pool, db = Address("pool", 3306), Address("db", 3306)
    held = [Connection() for _ in range(3)]
    endpoints = (Endpoint(pool), Endpoint(pool, EndpointType.INSTANCE, "a"), Endpoint(db))
    pooled, named, direct = (
        opened(tracker, cluster, each, endpoint=endpoint)
        for each, endpoint in zip(held, endpoints, strict=True)
    )
    tracker.disown(pool)
    judge(cluster, "b", began=5.0)
    claimed = {track for track, _ in tracker.claim(cluster, 5.0)}
    assert claimed == {named, direct}
    assert (pooled.instance, named.instance) == (None, "a")


def test_the_name_of_an_instance_is_none_where_instances_are_called_by_their_addresses(
    tracker, cluster
):
    host = Address("orders.abc.eu-west-1.rds.amazonaws.com", 3306)
    endpoint = Endpoint(host, EndpointType.INSTANCE, "orders")
    held = [Connection(), Connection()]
    unasked, asked = (
        opened(tracker, cluster, each, endpoint=endpoint, instance=instance)
        for each, instance in zip(held, ("orders", "10.0.0.1:3306"), strict=True)
    )
    cluster.detector.spares_doubtful = True
    tracker.disown(host)
    tracker.drain()
    assert (unasked.instance, asked.instance) == (None, "10.0.0.1:3306")
