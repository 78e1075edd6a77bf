from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Role
from aurora_otel.settings import Settings
from aurora_otel.telemetry import names
from aurora_otel.telemetry.observations import attributes, observe
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.tracker import Tracker


def known(label):
    cluster = Cluster(label, "postgresql", Detector(Pace(180.0, 1.0), lambda: 0.5))
    cluster.source = AuroraPostgreSQL()
    cluster.learn(("a",), 0.0)
    cluster.group("a", Role.UNKNOWN, "psycopg", EndpointType.WRITER)
    return cluster


def test_what_a_cluster_reported_goes_on_after_another_has_taken_it_over():
    winner, loser = known("winner"), known("loser")
    loser.failovers[Symptom.STUCK] += 1
    tracker = Tracker()
    before = observe(tracker, [winner, loser], Settings(), 1.0)
    winner.take_over(loser)
    tracker.absorb(winner, loser)
    assert observe(tracker, [winner], Settings(), 1.0) == before


def test_attributes_stand_in_the_order_of_the_definition():
    key = ("lab", "postgresql", "a", "psycopg", "hung_up")
    assert attributes(names.PRUNES)(key) == {
        "aurora.cluster.id": "lab",
        "db.system.name": "postgresql",
        "aurora.instance.id": "a",
        "aurora.driver": "psycopg",
        "aurora.prune.reason": "hung_up",
    }


def test_a_writer_that_was_not_heard_of_for_long_is_not_reported():
    cluster = known("lab")
    cluster.detector.introduce("a")
    settings = Settings(refresh_window=10.0)
    assert names.WRITER.name in observe(Tracker(), [cluster], settings, 10.0)
    assert names.WRITER.name not in observe(Tracker(), [cluster], settings, 10.1)
