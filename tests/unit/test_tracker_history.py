"""Random lives of connections against a plain model of the totals."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.groups import Outcome, PruneReason
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, balance, judge, new_cluster, new_track

numbers = st.integers(0, 100)


class Life:
    """What the model knows of one connection: how it has to end."""

    def __init__(self, connection, track):
        self.connection = connection
        self.track = track
        self.claimed = None
        self.end = None
        self.counted = set()  # the writer changes for which it was counted and stayed open


class Lives(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.tracker = Tracker()
        # After they turned out to be one, connections may still be opened under the loser's name.
        self.met = [new_cluster("orders"), new_cluster("reports")]
        self.clusters = list(self.met)
        self.now = 1.0
        self.lives = []
        self.ends = Counter()

    # Which connections a rule may choose from.

    def pick(self, number, which):
        found = [life for life in self.lives if which(life)]
        return found[number % len(found)] if found else None

    def noted(self, life):
        """Note a connection; hooks report in any order and twice, and may drain or not."""
        self.tracker.note(life.track)

    def ended(self, life, how):
        if life is not None and life.end is None:
            life.end = how

    @rule(
        cluster=st.integers(0, 1),
        instance=st.sampled_from(["a", "b", None]),
        kind=st.sampled_from(list(EndpointType)),
        twice=st.booleans(),
    )
    def open_(self, cluster, instance, kind, twice):
        self.now += 1
        connection = Connection()
        track = new_track(
            self.tracker, self.met[cluster], connection, instance=instance, at=self.now, kind=kind
        )
        life = Life(connection, track)
        self.lives.append(life)
        for _ in range(1 + twice):
            self.noted(life)

    @rule(number=numbers, twice=st.booleans())
    def close(self, number, twice):
        life = self.pick(number, lambda life: life.connection and not life.track.closed)
        if life is None:
            return
        life.track.closed = True
        for _ in range(1 + twice):
            self.noted(life)
        if life.claimed is None:
            self.ended(life, "closes")

    @rule(number=numbers, lost=st.booleans())
    def drop_the_last_reference(self, number, lost):
        life = self.pick(number, lambda life: life.connection)
        if life is None:
            return
        life.track.lost = life.track.lost or lost
        life.connection = None
        if life.claimed is None:
            self.ended(life, self.reason(life))

    def reason(self, life):
        if life.track.closed:
            return "closes"
        return PruneReason.CLOSED if life.track.lost else PruneReason.GARBAGE_COLLECTED

    @rule(number=numbers)
    def report_anything_again(self, number):
        if life := self.pick(number, lambda _: True):
            self.noted(life)

    @rule(number=numbers)
    def refuse_a_write(self, number):
        if life := self.pick(number, lambda life: life.connection):
            life.track.refused_at = life.track.opened_at
            self.noted(life)

    @rule()
    def drain(self):
        self.tracker.drain()

    @rule(number=numbers, reason=st.sampled_from([PruneReason.HUNG_UP, PruneReason.CLOSED]))
    def prune(self, number, reason):
        life = self.pick(number, lambda _: True)
        if life is None:
            return
        alive = life.end is None and life.claimed is None
        assert self.tracker.prune([life.track], reason) == int(alive)
        if alive:
            self.ended(life, reason)

    @rule(cluster=st.integers(0, 1), writer=st.sampled_from(["a", "b", "c"]))
    def claim(self, cluster, writer):
        self.now += 1
        judge(self.clusters[cluster], writer, self.now)
        for track, cause in self.tracker.claim(self.clusters[cluster], self.now):
            (life,) = (life for life in self.lives if life.track is track)
            assert life.end is None
            assert life.claimed is None
            assert track.instance not in (None, writer)
            life.claimed = cause
        # Always all of them: nothing that is stale is left for a later verdict.
        for life in self.lives:
            if life.end is None and life.claimed is None and self.is_of(life, cluster):
                assert not self.clusters[cluster].detector.staleness(life.track)

    def is_of(self, life, cluster):
        return life.track.cluster.current is self.clusters[cluster]

    @rule(number=numbers, outcome=st.sampled_from([*Outcome, None]))
    def settle(self, number, outcome):
        life = self.pick(number, lambda life: life.claimed)
        if life is None:
            return
        cause, life.claimed = life.claimed, None
        detector = life.track.cluster.detector
        change = detector, detector.changes
        counted = self.tracker.settle([(life.track, cause, outcome)])
        if outcome in (Outcome.OBSERVED, Outcome.FAILED):
            # Once for each change; what was counted for one cluster may seem so for its winner.
            assert len(counted) <= 1 - (change in life.counted)
            assert counted or life.counted
            life.counted.add(change)
        if outcome is Outcome.CLOSED:
            self.ended(life, "invalidated")
            assert len(counted) == 1
        elif life.track.closed or life.connection is None:
            self.ended(life, self.reason(life))
        if outcome is None:
            assert counted == []

    @precondition(lambda self: self.clusters[0] is not self.clusters[1])
    @rule()
    def absorb(self):
        winner, loser = self.clusters
        winner.take_over(loser)
        self.tracker.absorb(winner, loser)
        self.clusters[1] = winner

    @invariant()
    def opens_equal_open_plus_ended(self):
        """Check the totals, also while reports wait in the inbox."""
        for opens, ends in balance(self.tracker, *self.met).values():
            assert opens == ends

    @rule()
    def check_everything(self):
        with self.tracker.settled():
            tracked = {
                t for c in self.met for tracks in self.tracker.open(c).values() for t in tracks
            }
            stale = {track for cluster in self.met for track in self.tracker.stale(cluster)}
        assert tracked == {life.track for life in self.lives if life.end is None}
        assert stale <= tracked
        assert all(track.cluster is track.cluster.current for track in tracked)
        for track in tracked - {life.track for life in self.lives if life.claimed}:
            assert (track in stale) == bool(track.cluster.detector.staleness(track))
        self.every_connection_came_to_its_end()

    def every_connection_came_to_its_end(self):
        for ended in self.tracker.take_ended():
            self.ends[ended.track] += 1
        for life in self.lives:
            assert self.ends[life.track] == (life.end is not None)
        books = self.tracker.books.values()
        expected = Counter(life.end for life in self.lives)
        assert sum(book.opens for book in books) == len(self.lives)
        assert sum(book.closes for book in books) == expected["closes"]
        for reason in PruneReason:
            assert sum(book.prunes[reason] for book in books) == expected[reason]
        closed = sum(
            count
            for book in books
            for (_, outcome), count in book.invalidations.items()
            if outcome is Outcome.CLOSED
        )
        assert closed == expected["invalidated"]

    def teardown(self):
        if hasattr(self, "lives"):
            self.check_everything()


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
