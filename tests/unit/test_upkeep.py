import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import EndpointMap, EndpointType
from aurora_otel.model.groups import OTHER
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Answer, Role, View
from aurora_otel.settings import Settings
from aurora_otel.telemetry import names
from aurora_otel.telemetry.observations import observe
from aurora_otel.tracking.cluster import MOST_INSTANCES, Cluster, first_label
from aurora_otel.tracking.clusters import Clusters
from aurora_otel.tracking.registry import CROWDED, IDLE_FOR, MOST_CLUSTERS, MOST_LABELS
from aurora_otel.tracking.tracker import Tracker
from aurora_otel.tracking.upkeep import MOST_ABSORBED, Upkeep
from tests.support.tracks import SYSTEM, Connection, new_track

SETTINGS = Settings.resolve({}, {})


class Monitor:
    """A cluster's monitor, as far as upkeep knows it."""

    is_stopped = False

    def stop(self):
        self.is_stopped = True


class Process:
    """What is known in one process, and the connections that it has open."""

    def __init__(self):
        self.tracker = Tracker()
        self.clusters = Clusters(EndpointMap(), self._new)
        self.upkeep = Upkeep(self.clusters, self.tracker)
        self.now = 0.0

    @staticmethod
    def _new(endpoint, system):
        cluster = Cluster(
            first_label(endpoint, None), system, Detector(Pace(180.0, 1.0), lambda: 0.5)
        )
        cluster.monitor = Monitor()
        return cluster

    def open(self, host, *listed, at=None):
        """Connect to `host` and land on `at`; the first of `listed` is the writer."""
        answer = None
        if listed:
            at = at or listed[0]
            role = Role.WRITER if at == listed[0] else Role.READER
            answer = Answer(at, role, "1", View(listed, listed[0]))
        endpoint = self.clusters.endpoints.classify(host, 5432)
        cluster = self.clusters.place(
            endpoint, SYSTEM, self.now, answer, source=AuroraPostgreSQL(), view=True
        )
        connection = Connection()
        track = new_track(
            self.tracker, cluster, connection, instance=at, at=self.now, kind=EndpointType.OTHER
        )
        self.tracker.note(track)
        self.tracker.drain()
        return connection, track

    def close(self, track):
        track.closed = True
        self.tracker.note(track)

    def tidy(self, seconds=0.0):
        """Let `seconds` pass, and then the time after which the retired are forgotten."""
        self.now += seconds
        self.upkeep.tidy(self.now)
        self.now += 5.0
        self.upkeep.tidy(self.now)

    def observed(self):
        return observe(self.tracker, self.clusters, SETTINGS, self.now)

    def total(self, metric):
        return sum(self.observed()[metric.name].values())


@pytest.fixture
def process():
    return Process()


def test_an_idle_cluster_is_forgotten_with_its_monitor(process):
    connection, track = process.open("db.example.com", "a", "b")
    cluster = track.cluster
    process.close(track)
    process.tidy(IDLE_FOR - 10)
    assert list(process.clusters) == [cluster]
    process.tidy(IDLE_FOR)
    assert cluster not in list(process.clusters)
    assert cluster.monitor.is_stopped
    assert {key[0] for found in process.observed().values() for key in found} == {OTHER}
    assert process.open("db.example.com", "a", "b")[1].cluster is not cluster
    del connection


def test_a_cluster_with_an_open_connection_is_never_forgotten(process):
    connection, track = process.open("db.example.com", "a", "b")
    process.tidy(100 * IDLE_FOR)
    assert list(process.clusters) == [track.cluster]
    assert track.cluster.detector.writer == "a"
    del connection


def test_a_cluster_in_doubt_about_its_writer_is_not_forgotten(process):
    _, track = process.open("db.example.com", "a", "b")
    process.close(track)
    process.now = 2 * IDLE_FOR
    track.cluster.detector.symptom(Symptom.CONNECTION_LOST, process.now)
    process.tidy()
    assert list(process.clusters) == [track.cluster]


def test_a_connection_that_was_just_being_opened_keeps_its_cluster(process):
    _, first = process.open("db.example.com", "a", "b")
    cluster = first.cluster
    process.close(first)
    process.now = 2 * IDLE_FOR
    process.upkeep.tidy(process.now)
    # A hook had found the cluster before its names led nowhere.
    connection = Connection()
    late = new_track(process.tracker, cluster, connection)
    process.tracker.note(late)
    process.tidy()
    assert list(process.clusters) == [cluster]
    assert process.tracker.tracks(cluster) == [late]


def test_when_it_gets_crowded_those_that_were_not_used_for_longest_make_room(process):
    held = [process.open("10.1.0.1", "writer-1")]
    for number in range(2000):
        process.now += 1.0
        _, track = process.open(f"10.0.{number // 250}.{number % 250}", f"i-{number}")
        process.close(track)
        if number % 50 == 0:
            process.tidy()
    process.tidy()
    known = list(process.clusters)
    assert held[0][1].cluster in known
    assert len(known) <= CROWDED + 1
    assert track.cluster in known
    assert not any(each.is_overflow and process.tracker.has_open(each) for each in known)


def test_the_figures_of_what_is_forgotten_are_reported_under_other(process):
    held = []
    for number in range(3 * MOST_CLUSTERS):
        process.now += 1.0
        connection, track = process.open(f"10.0.{number // 250}.{number % 250}", f"i-{number}")
        track.cluster.failovers[Symptom.STUCK] += 1
        if number % 2:
            process.close(track)
        else:
            held.append((connection, track))
        if number % 20 == 0:
            process.tidy()
    opens = 3 * MOST_CLUSTERS
    assert process.total(names.OPENS) == opens
    assert process.total(names.CLOSES) == opens // 2
    assert process.total(names.COUNT) == opens - opens // 2
    assert process.total(names.FAILOVERS) == opens
    for _, track in held:
        process.close(track)
    process.tidy(2 * IDLE_FOR)
    assert process.total(names.OPENS) == process.total(names.CLOSES) == opens
    assert process.total(names.FAILOVERS) == opens
    assert all(each.is_overflow for each in process.clusters)
    assert {key[0] for found in process.observed().values() for key in found} == {OTHER}


def test_labels_are_as_many_as_an_exporter_can_keep_for_ever(process):
    labels = set()
    for number in range(MOST_LABELS + 500):
        process.now += 1.0
        _, track = process.open(f"10.{number // 60000}.{number // 250}.{number % 250}", "writer-1")
        labels.add(track.group.cluster)
        process.close(track)
        process.tidy()
    assert len(labels) == MOST_LABELS + 1
    assert (track.group.cluster, track.group.instance) == (OTHER, OTHER)
    # It is a cluster all the same: only its figures are not its own.
    assert track.cluster.detector.writer == "writer-1"


def test_names_that_made_room_are_counted_as_other_once_nothing_is_open_there(process):
    host = "db.example.com"
    kept = process.open(host, "w", "first", at="first")
    for number in range(300):
        _, track = process.open(host, "w", f"autoscaling-{number}", at=f"autoscaling-{number}")
        process.close(track)
        process.tidy()
    cluster = kept[1].cluster
    shown = {key[2] for key in process.observed()[names.OPENS.name]}
    assert len(shown) <= MOST_INSTANCES + 2
    assert {"w", "first", OTHER, "autoscaling-299"} <= shown
    assert process.total(names.OPENS) == 301
    assert process.total(names.COUNT) == 1
    process.close(kept[1])
    process.tidy()
    shown = {key[2] for key in process.observed()[names.OPENS.name]}
    assert "first" not in shown
    assert process.total(names.OPENS) == process.total(names.CLOSES) == 301
    assert len(cluster.reported) <= 2 * MOST_INSTANCES


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("open"), st.integers(0, 5), st.integers(0, 90)),
            st.tuples(st.just("close"), st.integers(0, 50)),
            st.tuples(st.just("tidy"), st.sampled_from([0.0, 10.0, IDLE_FOR])),
        ),
        max_size=60,
    )
)
def test_whatever_is_forgotten_no_total_falls_and_opens_equal_open_plus_ended(steps):
    process = Process()
    is_open = []
    before = dict.fromkeys((names.OPENS, names.CLOSES), 0)
    for step in steps:
        if step[0] == "open":
            _, host, instance = step
            is_open.append(process.open(f"10.0.0.{host}", f"i-{instance}"))
        elif step[0] == "close" and is_open:
            process.close(is_open.pop(step[1] % len(is_open))[1])
        elif step[0] == "tidy":
            process.tidy(step[1])
        found = {metric: process.total(metric) for metric in before}
        assert all(found[metric] >= before[metric] for metric in before)
        before = found
        assert process.total(names.COUNT) == len(is_open)
        assert found[names.OPENS] == found[names.CLOSES] + len(is_open)


def test_of_clusters_that_turned_out_to_be_one_the_oldest_that_ended_are_reported_as_other(process):
    connection, track = process.open("first.example.com", "a", "b")
    winner, kept = track.cluster, []
    for number in range(2 * MOST_ABSORBED):
        other, closed = process.open(f"{number}.example.com", "a", "b")
        loser = closed.cluster
        loser.failovers[Symptom.READ_ONLY] += 1
        winner.take_over(loser)
        process.clusters.registry.remove(loser)
        process.tracker.absorb(winner, loser)
        kept.append((other, closed, loser))
        if number:
            process.close(closed)
    opens, failovers = process.total(names.OPENS), process.total(names.FAILOVERS)
    process.tidy()
    # The oldest of all still has a connection.
    assert len(winner.absorbed) == MOST_ABSORBED
    assert winner.absorbed[0] is kept[0][2]
    assert not winner.absorbed[0].monitor.is_stopped
    assert kept[1][2].monitor.is_stopped
    assert process.total(names.OPENS) == opens
    assert process.total(names.FAILOVERS) == failovers == 2 * MOST_ABSORBED
    shown = {key[0] for key in process.observed()[names.OPENS.name]}
    assert {"0.example.com", OTHER} <= shown
    assert "1.example.com" not in shown
    del connection
