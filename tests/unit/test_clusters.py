import threading

import pytest

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import Address, EndpointMap, EndpointType, HostTemplate
from aurora_otel.model.groups import UNKNOWN
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Role
from aurora_otel.tracking.cluster import MOST_INSTANCES, Cluster, first_label
from tests.unit.met import DOMAIN, OTHER_REGION, Met


@pytest.fixture
def met():
    return Met()


def test_the_endpoints_of_a_cluster_are_one_cluster(met):
    writer = met.meet(f"orders.cluster-{DOMAIN}")
    assert met.meet(f"ORDERS.cluster-{DOMAIN}.") is writer
    assert met.meet(f"orders.cluster-ro-{DOMAIN}") is writer
    assert met.meet(f"orders.cluster-{DOMAIN}", port=6000) is writer
    assert list(met) == [writer]


def test_clusters_with_the_same_dns_hash_are_two(met):
    orders = met.meet(f"orders.cluster-{DOMAIN}", "orders-1", "orders-2")
    reports = met.meet(f"reports.cluster-{DOMAIN}", "reports-1")
    assert orders is not reports
    assert met.meet(f"reports-1.{DOMAIN}") is reports
    assert met.meet(f"unknown-1.{DOMAIN}") not in (orders, reports)
    assert not met.duplicates


def test_an_instance_of_the_same_domain_identifies_the_cluster(met):
    cluster = met.meet(f"orders.cluster-{DOMAIN}", "orders-1", "orders-2")
    assert met.find(met.endpoint(f"orders-2.{DOMAIN}"), 0.0) is cluster
    assert met.meet(f"mine.cluster-custom-{DOMAIN}", at="orders-2") is cluster
    assert met.meet(f"theirs.cluster-custom-{DOMAIN}", "orders-1") is cluster


def test_an_instance_of_the_same_name_in_another_region_is_another(met):
    here = met.meet(f"orders.cluster-{DOMAIN}", "orders-1")
    assert met.meet(f"orders-1.{OTHER_REGION}") is not here
    assert met.meet(f"orders.cluster-{OTHER_REGION}", "orders-1") is not here
    assert not met.duplicates


def test_an_instance_that_joined_later_belongs_to_the_cluster_too(met):
    cluster = met.meet(f"orders.cluster-{DOMAIN}", "orders-1")
    met.bind(cluster, met.endpoint(f"orders.cluster-{DOMAIN}"), ["orders-1", "orders-9"], 0.0)
    assert met.meet(f"orders-9.{DOMAIN}") is cluster


def test_private_names_are_never_merged(met):
    first = met.meet("db.example.com", "lab-1", "lab-2", at="lab-1")
    second = met.meet("other.example.com", "lab-1", "lab-2", at="lab-1")
    third = met.meet("db.example.com", "lab-1", port=6000, at="lab-1")
    assert len({first, second, third}) == 3
    assert met.meet("DB.example.com.") is first
    assert not met.duplicates
    assert first.domain is None


def test_a_private_name_is_not_merged_with_a_cluster_of_rds(met):
    rds = met.meet(f"orders.cluster-{DOMAIN}", "orders-1")
    assert met.meet("db.example.com", "orders-1", at="orders-1") is not rds


def test_instances_that_the_settings_list_join_what_leads_to_them():
    met = Met(EndpointMap({"lab-1": Address("10.0.0.1", 1), "lab-2": Address("10.0.0.1", 2)}))
    cluster = met.meet("db.example.com", "lab-1", "lab-2", at="lab-1")
    assert met.meet("10.0.0.1", port=2) is cluster
    assert met.meet("other.example.com", at="lab-2") is cluster
    assert met.meet("third.example.com", at="lab-3") is not cluster


def test_a_custom_domain_that_the_settings_explain_is_a_scope():
    met = Met(EndpointMap(template=HostTemplate("?.db.example.com")))
    cluster = met.meet("db.example.com", "lab-1", "lab-2", at="lab-1")
    assert met.meet("lab-2.db.example.com") is cluster
    assert met.meet("lab-2.db.example.org") is not cluster


def test_two_that_turn_out_to_be_one_are_found_and_settled(met):
    # Two custom endpoints, met before either said where it leads.
    first = met.meet(f"mine.cluster-custom-{DOMAIN}")
    second = met.meet(f"theirs.cluster-custom-{DOMAIN}")
    assert first is not second
    met.meet(f"mine.cluster-custom-{DOMAIN}", "orders-1", "orders-2")
    met.meet(f"theirs.cluster-custom-{DOMAIN}", "orders-2", "orders-3")
    assert met.merge_duplicates() == [(first, second)]
    assert list(met) == [first]
    assert list(first.instances) == ["orders-1", "orders-2", "orders-3"]
    assert met.meet(f"theirs.cluster-custom-{DOMAIN}") is first
    assert met.meet(f"orders-3.{DOMAIN}") is first
    assert met.merge_duplicates() == []


def test_a_pair_is_settled_once_however_often_it_was_found(met):
    first = met.meet(f"mine.cluster-custom-{DOMAIN}", "orders-1")
    second = met.meet(f"theirs.cluster-custom-{DOMAIN}")
    for _ in range(3):
        met.meet(f"theirs.cluster-custom-{DOMAIN}", "orders-1")
    assert met.merge_duplicates() == [(first, second)]


@pytest.mark.parametrize("of_second", [False, True])
def test_what_is_closed_in_doubt_is_what_either_of_the_two_allows(met, of_second):
    pair = [met.meet(f"{name}.cluster-custom-{DOMAIN}") for name in ("mine", "theirs")]
    pair[of_second].detector.spares_doubtful = True
    met.meet(f"mine.cluster-custom-{DOMAIN}", "orders-1", "orders-2")
    met.meet(f"theirs.cluster-custom-{DOMAIN}", "orders-2", "orders-3")
    assert met.merge_duplicates() == [tuple(pair)]
    assert pair[0].detector.spares_doubtful


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0)])
def test_three_that_turn_out_to_be_one_become_the_oldest(met, order):
    hosts = [f"{name}.cluster-custom-{DOMAIN}" for name in "xyz"]
    clusters = [met.meet(host) for host in hosts]
    found = [(clusters[0], clusters[1]), (clusters[1], clusters[2]), (clusters[2], clusters[0])]
    met.duplicates.extend(found[number] for number in order)
    settled = met.merge_duplicates()
    assert len(settled) == 2
    assert {cluster.current for cluster in clusters} == {clusters[0]}
    assert [met.meet(host) for host in hosts] == [clusters[0]] * 3
    assert list(met) == [clusters[0]]


def test_the_winner_knows_what_the_loser_knew(met):
    winner = met.meet(f"mine.cluster-custom-{DOMAIN}")
    loser = met.meet(f"orders.cluster-{DOMAIN}", "orders-1")
    loser.learn(["orders-2"], 7.0)
    loser.source, loser.view = AuroraPostgreSQL(), True
    loser.detector.introduce("orders-1")
    loser.failovers[Symptom.READ_ONLY] += 1
    loser.group("orders-1", Role.WRITER, "psycopg", EndpointType.WRITER)
    met.meet(f"mine.cluster-custom-{DOMAIN}", "orders-1")
    met.merge_duplicates()
    assert list(met) == [winner]
    assert (winner.has_topology, winner.view, winner.known_at) == (True, True, 7.0)
    assert winner.role("orders-1") is Role.WRITER
    assert winner.role("orders-2") is Role.READER
    # Under its own name: that goes on being reported.
    assert winner.absorbed == [loser]
    assert (winner.failovers, loser.failovers) == ({}, {Symptom.READ_ONLY: 1})
    assert ("psycopg", EndpointType.WRITER) in winner.drivers


def test_threads_that_meet_a_cluster_at_the_same_moment_agree_in_the_end(met):
    hosts = [f"orders.cluster-{DOMAIN}", f"mine.cluster-custom-{DOMAIN}", f"orders-1.{DOMAIN}"]
    together = threading.Barrier(6)

    def meet(host):
        together.wait(10)
        met.meet(host, "orders-1", "orders-2")

    threads = [threading.Thread(target=meet, args=(host,)) for host in hosts * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    met.merge_duplicates()
    assert len(list(met)) == 1


def test_at_most_so_many_instances_have_a_label_of_their_own(met):
    cluster = met.meet(f"orders.cluster-{DOMAIN}", *(f"i-{n}" for n in range(1000)))
    assert len(cluster.instances) == MOST_INSTANCES == 64
    assert cluster.instance_label("i-63") == "i-63"
    assert cluster.instance_label("i-64") == cluster.instance_label(None) == UNKNOWN
    group = cluster.group("i-999", Role.READER, "psycopg", EndpointType.OTHER)
    assert group.instance == UNKNOWN


def test_the_role_of_an_instance_is_what_is_known_now(met):
    cluster = met.meet(f"orders.cluster-{DOMAIN}", "orders-1", "orders-2")
    assert cluster.role("orders-1") is Role.UNKNOWN
    cluster.detector.introduce("orders-1")
    assert cluster.role("orders-1") is Role.WRITER
    assert cluster.role("orders-2") is Role.READER
    assert cluster.role("orders-3") is cluster.role(None) is Role.UNKNOWN


@pytest.mark.parametrize(
    ("host", "name", "expected"),
    [
        (f"orders.cluster-{DOMAIN}", None, "orders"),
        (f"orders.cluster-ro-{DOMAIN}", None, "orders"),
        (f"orders.cluster-{DOMAIN}", "mine", "mine"),
        (f"orders-1.{DOMAIN}", None, f"orders-1.{DOMAIN}"),
        ("DB.example.com", None, "db.example.com"),
        ("10.0.0.7", "mine", "mine"),
    ],
)
def test_what_a_cluster_is_called(met, host, name, expected):
    assert first_label(met.endpoint(host), name) == expected


def test_connections_of_one_group_share_one_object(met):
    cluster = met.meet(f"orders.cluster-{DOMAIN}", "orders-1")
    groups = [
        cluster.group("orders-1", Role.WRITER, "psycopg", EndpointType.WRITER) for _ in range(2)
    ]
    assert groups[0] is groups[1]


def test_who_the_writer_does_not_list_is_gone_but_keeps_its_name():
    cluster = Cluster("lab", "postgresql", Detector(Pace(180, 1), lambda: 0.5))
    cluster.learn(("a", "b", "c"), 1.0, by_writer=True)
    cluster.learn(("a",), 2.0)
    assert list(cluster.members) == ["a", "b", "c"]
    cluster.learn(("b", "d"), 3.0, by_writer=True)
    assert list(cluster.members) == ["b", "d"]
    assert list(cluster.instances) == ["a", "b", "c", "d"]


def test_a_template_does_not_merge_what_rds_names_separate():
    endpoints = EndpointMap(template=HostTemplate("?.db.example.com"))
    assert endpoints.namespace("a", "x.eu-west-1.rds.amazonaws.com") != endpoints.namespace(
        "a", "x.us-east-1.rds.amazonaws.com"
    )
    assert endpoints.namespace("a", None) == "?.db.example.com"
