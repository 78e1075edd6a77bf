import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aurora_otel.model.endpoints import (
    Address,
    Endpoint,
    EndpointMap,
    EndpointType,
    HostTemplate,
    normalise,
    parse,
    region,
)

HASH = "cn1abcdefghi"
EU = f"{HASH}.eu-west-1.rds.amazonaws.com"
CHINA = f"{HASH}.rds.cn-north-1.amazonaws.com.cn"
CHINA_OLD = f"{HASH}.cn-northwest-1.rds.amazonaws.com.cn"
GOV = f"{HASH}.rds.us-gov-west-1.amazonaws.com"
GOV_OLD = f"{HASH}.us-gov-east-1.rds.amazonaws.com"
SECRET = f"{HASH}.rds.us-iso-east-1.c2s.ic.gov"
SECRET_OLD = f"{HASH}.us-iso-west-1.rds.c2s.ic.gov"
TOP_SECRET = f"{HASH}.rds.us-isob-east-1.sc2s.sgov.gov"
SOVEREIGN = [
    f"{HASH}.eusc-de-east-1.rds.amazonaws.eu",
    f"{HASH}.ap-southeast-2.rds.amazonaws.au",
    f"{HASH}.eu-west-2.rds.amazonaws.uk",
    f"{HASH}.rds.eu-isoe-west-1.cloud.adc-e.uk",
    f"{HASH}.rds.us-isof-south-1.csp.hci.ic.gov",
]
FIPS = [f"{HASH}.us-east-1.rds-fips.amazonaws.com", f"{HASH}.rds-fips.us-gov-east-1.amazonaws.com"]
DOMAINS = [EU, CHINA, CHINA_OLD, GOV, GOV_OLD, SECRET, SECRET_OLD, TOP_SECRET, *SOVEREIGN, *FIPS]

KINDS = [
    ("cluster-", EndpointType.WRITER),
    ("cluster-ro-", EndpointType.READER),
    ("cluster-custom-", EndpointType.CUSTOM),
    ("", EndpointType.INSTANCE),
    ("proxy-", EndpointType.PROXY),
    ("shardgrp-", EndpointType.PROXY),
]


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize(("kind", "type_"), KINDS)
def test_every_kind_of_endpoint_is_recognised_in_every_partition(kind, type_, domain):
    endpoint = parse(f"orders.{kind}{domain}", 5432)
    assert endpoint.type is type_
    assert endpoint.name == "orders"
    assert endpoint.domain == domain
    assert endpoint.address == Address(f"orders.{kind}{domain}", 5432)


@pytest.mark.parametrize("domain", DOMAINS)
def test_writer_and_reader_endpoint_name_the_same_cluster(domain):
    writer = parse(f"orders.cluster-{domain}", 5432)
    reader = parse(f"orders.cluster-ro-{domain}", 5433)
    assert writer.cluster == reader.cluster == f"orders.{domain}"


def test_custom_instance_and_proxy_endpoints_name_no_cluster():
    for kind in ("cluster-custom-", "", "proxy-", "shardgrp-"):
        assert parse(f"orders.{kind}{EU}", 5432).cluster is None


def test_only_an_instance_endpoint_names_an_instance():
    assert parse(f"orders-1.{EU}", 5432).instance == "orders-1"
    assert parse(f"orders.cluster-{EU}", 5432).instance is None


def test_endpoints_of_one_proxy_are_proxies():
    endpoint = parse(f"read-only.endpoint.proxy-{EU}", 5432)
    assert endpoint.type is EndpointType.PROXY
    assert endpoint.name == "read-only"


def test_a_dsql_cluster_has_no_single_writer():
    endpoint = parse("abcdefghijklmnopqrst123456.dsql.us-east-1.on.aws", 5432)
    assert (endpoint.type, endpoint.cluster) == (EndpointType.PROXY, None)


def test_the_writer_endpoint_of_a_global_cluster_names_no_cluster_of_a_region():
    endpoint = parse("world.global-abc123.global.rds.amazonaws.com", 3306)
    assert endpoint.type is EndpointType.WRITER
    assert (endpoint.name, endpoint.domain, endpoint.cluster) == ("world", None, None)


@pytest.mark.parametrize("name", ["orders-1-green-a1b2c3", "orders-1-old1"])
def test_instances_of_a_blue_green_deployment_have_their_own_names(name):
    assert parse(f"{name}.{EU}", 5432).instance == name


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "localhost",
        "db.example.com",
        "10.0.0.7",
        "::1",
        "/var/run/postgresql",
        "rds.amazonaws.com",
        EU,
        f"a.b.{EU}",
        f".{EU}",
        f"orders.cluster-{EU}.evil.com",
        f"orders.cluster-{EU}.cn.cn",
        f"orders.unknown-{EU}",
        "orders.cluster-abc.nowhere.rds.amazonaws.com",
        "orders.cluster-abc.eu-west-1.rds.amazonaws.net",
    ],
)
def test_any_other_name_yields_nothing(host):
    endpoint = parse(host, 5432)
    assert endpoint.type is EndpointType.OTHER
    assert (endpoint.name, endpoint.domain, endpoint.cluster, endpoint.instance) == (None,) * 4


def test_case_and_a_trailing_dot_do_not_matter():
    expected = parse(f"orders.cluster-{EU}", 5432)
    assert parse(f"Orders.CLUSTER-{EU.upper()}", 5432) == expected
    assert parse(f"orders.cluster-{EU}.", 5432) == expected


def test_white_space_around_a_name_is_not_part_of_it():
    assert parse(f" orders.cluster-{EU}\n", 5432) == parse(f"orders.cluster-{EU}", 5432)


def test_an_address_is_written_as_in_a_url():
    assert str(Address("db.example.com", 5432)) == "db.example.com:5432"
    assert str(Address("::1", 5432)) == "[::1]:5432"


# Properties.

labels = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)
hashes = st.from_regex(r"[a-z0-9]{4,16}", fullmatch=True)
domains = st.builds(
    lambda hash_, domain: domain.replace(HASH, hash_), hashes, st.sampled_from(DOMAINS)
)
ports = st.integers(0, 65535)
hosts = st.one_of(
    st.builds("{}.{}{}".format, labels, st.sampled_from([kind for kind, _ in KINDS]), domains),
    st.from_regex(r"[a-zA-Z0-9-]{1,20}(\.[a-zA-Z0-9-]{1,20}){0,8}", fullmatch=True),
)


@given(st.text(), st.integers())
@example("\ud800", 0)
@example("." * 5000, 5432)
@example("a-" * 5000 + ".rds.amazonaws.com", 5432)
def test_any_string_is_some_endpoint(host, port):
    endpoint = parse(host, port)
    assert endpoint.address == Address(normalise(host), port)
    assert EndpointMap().classify(host, port) == endpoint


@given(hosts, ports, ports)
def test_case_port_and_trailing_dot_never_matter(host, port, other):
    def classified(endpoint):
        return (endpoint.type, endpoint.name, endpoint.domain, endpoint.address.host)

    expected = classified(parse(host, port))
    assert classified(parse(host.upper(), port)) == expected
    assert classified(parse(host.swapcase() + ".", port)) == expected
    assert classified(parse(host, other)) == expected


@given(labels, st.sampled_from(KINDS), domains, ports)
def test_a_name_built_from_parts_parses_back_to_its_parts(name, kind, domain, port):
    prefix, type_ = kind
    endpoint = parse(f"{name}.{prefix}{domain}", port)
    assert (endpoint.type, endpoint.name, endpoint.domain) == (type_, name, domain)
    assert endpoint.address.port == port


# What the settings explain.

TUNNELS = EndpointMap(instances={"orders-1": Address("127.0.0.1", 6001)})
TEMPLATE = EndpointMap(template=HostTemplate("?.db.example.com", 5432))


def test_a_listed_address_is_an_instance_at_that_port_alone():
    assert TUNNELS.classify("127.0.0.1", 6001).instance == "orders-1"
    assert TUNNELS.classify("127.0.0.1", 6002).type is EndpointType.OTHER


def test_a_host_that_fits_the_template_is_an_instance():
    assert TEMPLATE.classify("Orders-1.DB.example.com.", 5432).instance == "orders-1"


@pytest.mark.parametrize(
    "host",
    [
        ".db.example.com",
        "db.example.com",
        "a.b.db.example.com",
        "1st.db.example.com",
        "x.db.example.org",
    ],
)
def test_a_host_that_does_not_fit_the_template_is_none(host):
    assert TEMPLATE.classify(host, 5432).type is EndpointType.OTHER


def test_the_ends_of_a_template_may_not_overlap():
    assert HostTemplate("db-?-db").instance("db-db") is None
    assert HostTemplate("a?a").instance("a") is None


@given(labels)
def test_a_template_reads_back_what_it_writes(instance):
    template = HostTemplate("db-?.example.com", 6000)
    assert template.instance(template.address(instance, 1).host) == instance


def test_a_writer_endpoint_is_one_at_any_port_or_at_its_own():
    anywhere = EndpointMap(writers=frozenset({Address("db.example.com", 0)}))
    there = EndpointMap(writers=frozenset({Address("db.example.com", 5432)}))
    for known in (anywhere, there):
        assert known.classify("DB.example.com", 5432).type is EndpointType.WRITER
    assert anywhere.classify("db.example.com", 1).type is EndpointType.WRITER
    assert there.classify("db.example.com", 1).type is EndpointType.OTHER


def test_a_writer_endpoint_keeps_what_its_name_contains():
    host = f"orders.cluster-custom-{EU}"
    known = EndpointMap(writers=frozenset({Address(host, 0)}))
    expected = Endpoint(Address(host, 5432), EndpointType.WRITER, "orders", EU)
    assert known.classify(host, 5432) == expected


def test_an_instance_is_reached_at_its_listed_address_before_all_others():
    known = EndpointMap(TUNNELS.instances, TEMPLATE.template)
    assert known.address("orders-1", EU, 5432) == Address("127.0.0.1", 6001)
    assert known.address("orders-2", EU, 5432) == Address("orders-2.db.example.com", 5432)


def test_an_instance_is_reached_in_the_domain_of_its_cluster():
    assert EndpointMap().address("orders-2", EU, 5433) == Address(f"orders-2.{EU}", 5433)
    assert EndpointMap().address("orders-2", None, 5433) is None


def test_a_template_without_a_port_takes_that_of_the_application():
    known = EndpointMap(template=HostTemplate("?.db.example.com"))
    assert known.address("orders-2", None, 5433) == Address("orders-2.db.example.com", 5433)


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("c0ffee.eu-west-1.rds.amazonaws.com", "eu-west-1"),
        ("c0ffee.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"),
        ("c0ffee.cn-north-1.rds.amazonaws.com.cn", "cn-north-1"),
        ("c0ffee.rds.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("db.example.com", None),
        (None, None),
    ],
)
def test_an_rds_domain_contains_the_region(domain, expected):
    assert region(domain) == expected


def test_a_whole_name_in_the_settings_means_one_instance_alone():
    there = Address("127.0.0.1", 6001)
    known = EndpointMap({f"orders-1.{EU}": there})
    assert known.address("orders-1", EU, 5432) == there
    assert known.address("orders-1", CHINA, 5432) == Address(f"orders-1.{CHINA}", 5432)
    # Where the host names no region, it can only mean the one that is listed.
    assert known.address("orders-1", None, 5432) == there
    assert known.namespace("orders-1", None) == EU
    expected = Endpoint(there, EndpointType.INSTANCE, "orders-1", EU)
    assert known.classify("127.0.0.1", 6001) == expected


def test_a_name_that_is_listed_in_two_regions_yields_none():
    both = EndpointMap({f"orders-1.{EU}": Address("a", 1), f"orders-1.{CHINA}": Address("b", 1)})
    assert both.address("orders-1", None, 5432) is None
    assert both.namespace("orders-1", None) is None


def test_a_setting_does_not_set_the_scope_where_the_hosts_own_name_does():
    assert TUNNELS.namespace("orders-1", EU) == EU
    assert TUNNELS.namespace("orders-1", None) == "settings"


def test_a_template_is_the_scope_of_the_names_that_it_explains():
    known = EndpointMap(template=HostTemplate("?.db.example.com"))
    assert known.namespace("orders-1", None) == "?.db.example.com"


def test_a_bare_name_in_the_settings_explains_no_domain():
    whole, template = f"orders-1.{EU}", HostTemplate("?.db.example.com")
    there = Address("127.0.0.1", 6001)
    for known, expected in (
        (EndpointMap(), False),
        (EndpointMap({"orders-2": there}), False),
        (EndpointMap({"orders-1": there}), True),
        (EndpointMap(template=template), True),
        (EndpointMap({whole: there, "orders-1": there}, template), False),
    ):
        assert known.is_explained_by_bare_name("orders-1", EU) is expected


def test_what_a_template_or_a_global_name_explains_keeps_its_address():
    known = EndpointMap(template=HostTemplate("?.db.example.com"))
    for host in ("orders-1.db.example.com", "orders.global-abc.global.rds.amazonaws.com"):
        assert known.classify(host, 5432).address == Address(host, 5432)


def test_an_instance_that_is_called_by_its_address_has_no_name_under_a_domain():
    known = EndpointMap(template=HostTemplate("?.db.example.com"))
    assert known.address("10.0.0.1:5432", EU, 5432) is None
    assert known.address("orders-1", EU, 5432) == Address("orders-1.db.example.com", 5432)
