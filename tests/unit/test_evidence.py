import pytest

from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import Address, EndpointMap
from aurora_otel.model.topology import Answer, Reading, Role, Source, Verdict, View
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.evidence import (
    Claim,
    Relation,
    answers_elsewhere,
    leads_to_writer,
    may_be_one,
    relation,
)
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, new_track


def known(writer, *members, view=True, listed=True):
    """Return a cluster whose writer listed `members`."""
    cluster = Cluster("known", "postgresql", Detector(Pace(180.0, 1.0), lambda: 0.5))
    cluster.view = view
    cluster.learn(members, 1000.0, by_writer=listed)
    if writer:
        cluster.detector.introduce(writer)
    return cluster


def said(instance, *seen, writer=None):
    """Return the claim of an instance that sees `seen`, and `writer` as the writer among them."""
    role = Role.WRITER if instance == writer else Role.READER
    view = View((instance, *seen), writer) if seen or writer else None
    return Claim.of_answer(Answer(instance, role, "1", view))


@pytest.mark.parametrize(
    "claim",
    [
        said("a", "b", writer="a"),
        said("b", "a", writer="b"),  # a failover
        said("new", "a", writer="new"),  # to an instance that was not met before
        said("b", "c", writer="b"),  # the old writer is gone already
        said("new", "a", writer="a"),
        said("b"),
    ],
)
def test_who_lists_the_writer_or_is_listed_with_it_is_of_its_cluster(claim):
    assert relation(known("a", "a", "b"), claim) is Relation.SAME


@pytest.mark.parametrize("members", [("a", "b"), ("a", "b", "shared")])
def test_two_writers_of_which_neither_lists_the_other_are_of_two_clusters(members):
    claim = said("x", "shared", writer="x")
    assert relation(known("a", *members), claim) is Relation.OTHER


def test_a_reader_that_names_another_writer_proves_nothing_while_it_is_listed_itself():
    claim = said("b", "x", writer="x")
    assert relation(known("a", "a", "b"), claim) is Relation.UNDECIDED


def test_a_cluster_that_lists_none_of_the_same_instances_is_another():
    assert relation(known("a", "a", "b"), said("x", "y", writer="x")) is Relation.OTHER
    assert relation(known("a", "a", "b"), said("y", "x", writer="x")) is Relation.OTHER
    assert (
        relation(known(None, "a", "b", listed=False), said("x", "y", writer="x")) is Relation.OTHER
    )


def test_without_a_view_of_the_others_a_failover_cannot_be_distinguished_from_another_cluster():
    viewless = Claim("x", frozenset("x"), "x", is_own=True, has_view=False)
    assert relation(known("a", "a", view=False), viewless) is Relation.UNDECIDED


def test_of_a_cluster_of_which_nothing_is_known_nothing_is_decided():
    assert relation(known(None), said("a", "b", writer="a")) is Relation.UNDECIDED


def test_a_reading_claims_what_its_verdict_says():
    verdict = Verdict("x", ("x", "y"), 5.0)
    reading = Reading(Source.SQL, 5.0, "x", ("x", "y"), verdict)
    assert (
        relation(known("a", "a", "b"), Claim.of_reading(reading, has_view=True)) is Relation.OTHER
    )
    assert relation(known("y", "y"), Claim.of_reading(reading, has_view=True)) is Relation.SAME


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (known("a", "a", "s"), known("x", "x", "s"), False),
        (known("a", "a", "s"), known("s", "s", "a"), True),
        (known("a", "a"), known("a", "a", "b"), True),
        (known(None, "s"), known("a", "a", "s"), True),
    ],
)
def test_clusters_whose_writers_do_not_know_each_other_are_never_one(first, second, expected):
    assert may_be_one(first, second) is may_be_one(second, first) is expected


@pytest.mark.parametrize(("lineage", "is_other"), [("1", False), (None, False), ("2", True)])
def test_what_has_other_data_is_another_cluster_whatever_it_lists(lineage, is_other):
    cluster, other = known("a", "a", "b"), known("b", "a", "b")
    cluster.lineage, other.lineage = "1", lineage
    expected = Relation.OTHER if is_other else Relation.SAME
    assert relation(cluster, said("b", "a", writer="b")._replace(lineage=lineage)) is expected
    assert may_be_one(cluster, other) is may_be_one(other, cluster) is not is_other


def test_an_instance_whose_own_name_may_have_moved_has_to_list_the_others():
    cluster = known("a", "a", "b", "c")
    for claim, expected in (
        (said("b", "x", writer="b"), Relation.OTHER),
        (said("b", "c", "x", writer="b"), Relation.OTHER),
        (said("b", "a", "x", writer="b"), Relation.SAME),
        (said("b", "c", writer="b"), Relation.SAME),
    ):
        assert relation(cluster, claim) is Relation.SAME
        assert relation(cluster, claim, is_named=True) is expected


HERE, THERE, TUNNEL = (Address(host, 5432) for host in ("10.0.0.1", "10.0.0.2", "127.0.0.1"))
RDS_HOST, PRIVATE = "a.c0ffee.eu-west-1.rds.amazonaws.com", "db.internal"


@pytest.mark.parametrize(
    ("host", "connected", "answered", "expected"),
    [
        (RDS_HOST, HERE, THERE, True),
        (RDS_HOST, HERE, HERE, False),
        (RDS_HOST, TUNNEL, THERE, False),
        (RDS_HOST, HERE, TUNNEL, False),
        (PRIVATE, HERE, THERE, False),
    ],
)
def test_an_instance_answers_elsewhere_than_the_application_is_connected_to_it(
    host, connected, answered, expected
):
    endpoint = EndpointMap().classify(host, 5432)
    connection = Connection()
    track = new_track(Tracker(), known("a"), connection, endpoint=endpoint, peer=connected)
    reading = Reading(Source.SQL, 5.0, peers={answered: "a"})
    assert answers_elsewhere(reading, [track], {"a"}) is expected
    assert not answers_elsewhere(reading, [track], set())


@pytest.mark.parametrize(
    ("connected", "peers", "listed", "expected"),
    [
        (HERE, {HERE: "a", THERE: "w"}, "aw", True),
        (HERE, {THERE: "w"}, "aw", False),
        (HERE, {HERE: "x", THERE: "w"}, "axw", False),
        (HERE, {HERE: "a", THERE: "w"}, "w", False),
        (TUNNEL, {TUNNEL: "a", THERE: "w"}, "aw", False),
        (None, {HERE: "a", THERE: "w"}, "aw", False),
    ],
)
def test_a_writer_is_that_of_the_connections_whose_very_servers_it_lists(
    connected, peers, listed, expected
):
    connection = Connection()
    track = new_track(Tracker(), known("a"), connection, peer=connected)
    reading = Reading(Source.SQL, 5.0, peers=peers, verdict=Verdict("w", tuple(listed), 5.0))
    assert leads_to_writer(reading, [track]) is expected
    assert not leads_to_writer(reading, [])
    assert not leads_to_writer(Reading(Source.SQL, 5.0, peers=peers), [track])
