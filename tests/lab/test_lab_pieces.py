import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from aurora_otel.lab import Cluster, LabError
from aurora_otel.lab.conninfo import conninfo
from aurora_otel.lab.dns import Names
from aurora_otel.lab.filters import SilenceAfterLogin
from aurora_otel.lab.membership import Topology


def test_names_follow_the_topology_after_the_lag():
    names = Names(3.0, ("b", "c"))
    names.publish(Topology("a", ("b", "c")), 0.0)
    names.publish(Topology("b", ("a", "c")), 10.0)
    names.publish(Topology("c", ("a", "b")), 11.0)
    assert [names.resolve("writer", at) for at in (9.0, 12.9, 13.0, 14.0)] == ["a", "a", "b", "c"]
    names.lag = 0.0
    assert names.resolve("writer", 10.5) == "b"
    names.lag = 100.0
    names.settle()
    assert names.resolve("writer", 11.0) == "c"
    assert names.published == Topology("c", ("a", "b"))


def test_readers_take_turns_and_the_writer_stands_in_for_none():
    names = Names(0.0, ("c",))
    names.publish(Topology("a", ("b", "c")), 0.0)
    assert {names.resolve("reader", 1.0) for _ in range(2)} == {"b", "c"}
    assert names.resolve("custom", 1.0) == "c"
    names.publish(Topology("a", ()), 2.0)
    assert names.resolve("reader", 3.0) == names.resolve("custom", 3.0) == "a"


def test_nothing_resolves_before_a_topology_is_published():
    with pytest.raises(LabError, match="no topology"):
        Names(0.0, ()).resolve("writer", 0.0)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_connection_strings_keep_any_value(value):
    assert conninfo_to_dict(conninfo({"user": value, "port": 1}))["user"] == value


@given(st.binary(max_size=40), st.lists(st.integers(1, 7)))
def test_the_end_of_a_login_is_found_however_the_bytes_are_cut(payload, cuts):
    silence = SilenceAfterLogin()
    silence.from_client(b"\0\0\0\x08\0\3\0\0")
    login = b"R" + (4 + len(payload)).to_bytes(4, "big") + payload
    stream = login * 3
    for cut in cuts:
        piece, stream = stream[:cut], stream[cut:]
        assert silence.from_server(piece).forward == piece
    silence.from_server(stream)
    assert silence.from_client(b"Q").forward == b"Q"
    silence.from_server(b"Z\0\0\0\5I")
    assert silence.from_client(b"Q").forward == b""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a b"}, "name must be letters, digits and hyphens; got 'a b'"),
        ({"name": ""}, "name must be"),
        ({"instances": ["a", "a"]}, "instances must be one or more, differ"),
        ({"instances": []}, "got none"),
        ({"instances": ["writer"]}, "not be named like an endpoint"),
        ({"instances": ["a_1"]}, "instances must be letters, digits and hyphens; got 'a_1'"),
        (
            {"engine": "oracle"},
            "engine must be one of postgresql, mysql for the kind aurora; got 'oracle'",
        ),
        ({"dns_lag": -1}, "dns_lag must be seconds, 0 or more; got -1"),
        ({"dns_lag": float("nan")}, "dns_lag must be"),
    ],
)
def test_a_bad_argument_is_a_clear_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        Cluster(**arguments)


def test_what_needs_a_running_cluster_says_so():
    cluster = Cluster("idle")
    for ask in (cluster.dsn, cluster.heal, cluster.publish, lambda: cluster.writer):
        with pytest.raises(LabError, match="cluster idle is not running"):
            ask()
    assert cluster.host("writer").startswith("idle.cluster-")
    cluster.stop()
