"""What a fresh connection answers outweighs what was bound before."""

import pytest

from aurora_otel.model.endpoints import Address, EndpointMap, HostTemplate
from aurora_otel.model.groups import OTHER, UNKNOWN
from aurora_otel.model.topology import Answer, Role, View
from aurora_otel.tracking.bindings import CONFIRMED_FOR, MOST_NAMES, host_of
from aurora_otel.tracking.cluster import MOST_INSTANCES
from aurora_otel.tracking.registry import MOST_CLUSTERS
from tests.unit.met import DOMAIN, OTHER_REGION, SYSTEM, Met

TUNNEL = "127.0.0.1"
HOUR = 3600.0


@pytest.fixture
def met():
    return Met()


def test_a_name_that_moves_to_another_cluster_makes_them_one_in_no_order(met):
    p, q = f"p.cluster-{DOMAIN}", f"q.cluster-{DOMAIN}"
    first = met.connect(p, "p-1", "p-2", "shared-1", now=0.0)
    # Deleted in P, created in Q: whether P was asked since or not.
    second = met.connect(q, "q-1", "shared-1", now=10.0)
    assert second is not first
    assert met.connect(p, "p-1", "p-2", now=11.0) is first
    assert met.connect(q, "q-1", "shared-1", now=12.0) is second
    assert met.merge_duplicates() == []
    assert (first.detector.writer, second.detector.writer) == ("p-1", "q-1")
    assert met.find(met.endpoint(f"shared-1.{DOMAIN}"), 12.0) is second


def test_a_port_that_leads_to_another_cluster_and_back_again(met):
    blue = met.connect(TUNNEL, "blue-1", "blue-2")
    green = met.connect(TUNNEL, "green-1", "green-2")
    assert green is not blue
    assert met.connect(TUNNEL, "green-1", "green-2") is green
    assert met.connect(TUNNEL, "blue-1", "blue-2") is blue
    assert met.merge_duplicates() == []
    assert [list(each.members) for each in met] == [["blue-1", "blue-2"], ["green-1", "green-2"]]


def test_what_an_old_connection_answers_says_nothing_of_its_host(met):
    blue = met.connect(TUNNEL, "blue-1", "blue-2")
    green = met.connect(TUNNEL, "green-1", "green-2")
    assert met.connect(TUNNEL, "blue-1", "blue-2", is_fresh=False) is blue
    assert met.find(met.endpoint(TUNNEL), 0.0) is green


def test_clusters_that_were_taken_for_one_are_parted(met):
    p, q = f"p.cluster-{DOMAIN}", f"q.cluster-{DOMAIN}"
    one = met.connect(p, "p-1", "p-2")
    met.bind(one, met.endpoint(q), [], 0.0)
    assert met.connect(q, "q-1", "q-2") is not one
    ((cluster, other),) = met.parted
    assert (cluster, list(other.members)) == (one, ["q-1", "q-2"])


def test_a_failover_to_an_instance_that_was_never_met_stays_in_its_cluster(met):
    host = f"p.cluster-{DOMAIN}"
    cluster = met.connect(host, "p-1", "p-2")
    assert met.connect(host, "p-9", "p-1", "p-2") is cluster
    assert met.connect(host, "p-2", "p-9") is cluster


def test_an_instance_is_known_by_its_name_for_as_long_as_answers_confirm_it(met):
    met.connect(f"p.cluster-{DOMAIN}", "p-1", "p-2", now=0.0)
    reader = met.endpoint(f"p-2.{DOMAIN}")
    assert met.knows(reader, CONFIRMED_FOR - 1)
    assert not met.knows(reader, CONFIRMED_FOR)
    # Nor a writer, though its name leads to its cluster for longer.
    writer = met.endpoint(f"p-1.{DOMAIN}")
    assert met.knows(writer, CONFIRMED_FOR - 1)
    assert not met.knows(writer, CONFIRMED_FOR)
    assert not met.knows(met.endpoint(f"p.cluster-{DOMAIN}"), 0.0)
    met.connect(f"p.cluster-{DOMAIN}", "p-1", "p-2", now=CONFIRMED_FOR)
    assert met.knows(reader, CONFIRMED_FOR + 1)


def test_names_that_no_answer_confirms_fade_but_never_the_writers(met):
    cluster = met.connect(f"p.cluster-{DOMAIN}", "p-1", "p-2", now=0.0)
    met.bindings.fade(HOUR, HOUR)
    assert met.find(met.endpoint(f"p-2.{DOMAIN}"), HOUR) is None
    # It is dropped, and not only passed over.
    assert met.find(met.endpoint(f"p-2.{DOMAIN}"), 0.0) is None
    assert met.find(met.endpoint(f"p-1.{DOMAIN}"), HOUR) is cluster
    assert met.find(met.endpoint(f"p.cluster-{DOMAIN}"), HOUR) is cluster


def test_a_host_that_is_idle_for_long_fades_where_another_leads_to_its_cluster(met):
    cluster = met.connect(TUNNEL, "p-1", "p-2", now=0.0)
    met.bind(cluster, met.endpoint("p.db.example.com"), [], 0.0)
    hosts = [host_of(met.endpoint(each)) for each in (TUNNEL, "p.db.example.com")]
    met.bindings.fade(HOUR - 1, HOUR)
    assert [met.bindings.of_host(each) for each in hosts] == [cluster, cluster]
    met.bindings.fade(HOUR, HOUR)
    assert [met.bindings.of_host(each) for each in hosts] == [None, cluster]


def test_so_many_names_are_remembered_and_no_more(met):
    cluster = met.connect(f"p.cluster-{DOMAIN}", "p-1")
    names = [("elsewhere", f"p-{number}") for number in range(MOST_NAMES)]
    for each in names:
        met.bindings.bind_name(each, cluster, 0.0)
    assert met.bindings.of_name(names[0], 0.0) is cluster
    assert met.bindings.of_name(names[-1], 0.0) is None


def test_settings_mean_the_instances_of_equal_names_of_one_region_only():
    there = Address("10.0.0.1", 6001)
    met = Met(EndpointMap({"db-1": there, f"db-2.{DOMAIN}": Address("10.0.0.2", 6001)}))
    eu = met.connect(f"eu.cluster-{DOMAIN}", "db-1", "db-2")
    assert met.locate(eu, "db-1", DOMAIN, 5432) == there
    us = met.connect(f"us.cluster-{OTHER_REGION}", "db-2", "db-1")
    assert us is not eu
    for cluster, domain in ((eu, DOMAIN), (us, OTHER_REGION)):
        assert met.locate(cluster, "db-1", domain, 5432) == Address(f"db-1.{domain}", 5432)
    # A whole name can mean one instance only.
    assert met.locate(eu, "db-2", DOMAIN, 5432) == Address("10.0.0.2", 6001)
    assert met.locate(us, "db-2", OTHER_REGION, 5432) == Address(f"db-2.{OTHER_REGION}", 5432)
    assert met.merge_duplicates() == []


def test_settings_that_led_elsewhere_mean_an_instance_by_its_whole_name_alone():
    where = Address("10.0.0.2", 6001)
    met = Met(EndpointMap({"db-1": Address("10.0.0.1", 6001), f"db-2.{DOMAIN}": where}))
    eu = met.connect(f"eu.cluster-{DOMAIN}", "db-1", "db-2")
    eu.is_named_by_rds = True
    assert met.locate(eu, "db-1", DOMAIN, 5432) == Address(f"db-1.{DOMAIN}", 5432)
    assert met.locate(eu, "db-2", DOMAIN, 5432) == where


def test_a_template_means_the_hosts_that_have_no_name_of_rds():
    met = Met(EndpointMap(template=HostTemplate("?.db.example.com")))
    own = met.connect("writer.db.example.com", "db-1", "db-2")
    us = met.connect(f"us.cluster-{OTHER_REGION}", "db-2", "db-1")
    assert us is not own
    assert met.locate(own, "db-1", None, 1) == Address("db-1.db.example.com", 1)
    assert met.locate(us, "db-1", OTHER_REGION, 1) == Address(f"db-1.{OTHER_REGION}", 1)


def test_beyond_the_limit_connections_are_counted_and_never_judged(met):
    clusters = {met.connect(f"10.0.{n // 250}.{n % 250}", f"i-{n}") for n in range(400)}
    assert len(clusters) == MOST_CLUSTERS + 1
    (overflow,) = (each for each in clusters if each.is_overflow)
    assert (overflow.label, overflow.instance_label("i-399")) == (OTHER, OTHER)
    assert overflow.detector.writer is None
    assert not overflow.has_topology


def test_a_name_that_is_not_listed_any_more_makes_room_for_a_new_one(met):
    host = f"p.cluster-{DOMAIN}"
    for number in range(200):
        cluster = met.connect(host, "p-1", f"autoscaling-{number}")
    assert len(cluster.instances) == MOST_INSTANCES
    assert cluster.instance_label("p-1") == "p-1"
    met.connect(host, "p-2", "p-1")
    assert cluster.instance_label("p-2") == "p-2"
    assert cluster.instance_label("autoscaling-0") == UNKNOWN
    assert "autoscaling-0" in cluster.forgotten


def test_where_the_writer_lists_more_than_there_is_room_for_none_of_them_is_forgotten(met):
    cluster = met.connect(f"p.cluster-{DOMAIN}", "p-1")
    cluster.learn([f"p-{number}" for number in range(1, 200)], 0.0, by_writer=True)
    assert len(cluster.instances) == MOST_INSTANCES
    met.connect(f"p.cluster-{DOMAIN}", "p-500")
    assert list(cluster.instances) == [f"p-{number}" for number in range(1, 1 + MOST_INSTANCES)]


def test_so_many_claims_are_remembered_and_no_more(met):
    cluster = met.connect(f"p.cluster-{DOMAIN}", "p-1")
    cluster.note_claims({f"p-{number}": number for number in range(200)}, 1.0)
    assert list(cluster.claims) == [f"p-{number}" for number in range(136, 200)]


def test_what_a_switchover_left_behind_belongs_where_its_endpoint_leads(met):
    host = f"x.cluster-{DOMAIN}"
    blue = met.connect(host, "x-1", "x-2")
    green = met.connect(host, "x-1-green-abc", "x-2-green-abc")
    assert green is not blue
    view = View(("x-1-old1", "x-2-old1"), "x-1-old1")

    def identified_again(through, role):
        answer = Answer("x-1-old1", role, "1", view)
        return met.place(met.endpoint(through), SYSTEM, 1.0, answer, is_fresh=False)

    # Read-only now, by its own answer; a writer has a cluster of its own.
    assert identified_again(host, Role.UNKNOWN) is green
    assert identified_again(host, Role.WRITER) not in (green, None)
    assert identified_again(TUNNEL, Role.UNKNOWN) is not green
    assert list(green.members) == ["x-1-green-abc", "x-2-green-abc"]
