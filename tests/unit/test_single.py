"""One server at a time behind a name: which names, what its rows say, and when it has moved."""

from __future__ import annotations

import contextlib
import functools
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.discovery import SYSTEMS
from aurora_otel.discovery.patience import LASTING
from aurora_otel.discovery.plan import Plan
from aurora_otel.discovery.servers import Servers
from aurora_otel.discovery.single import SingleMySQL, SinglePostgreSQL
from aurora_otel.discovery.source import NoAnswerError, SilentLatelyError, located
from aurora_otel.discovery.targets import Beforehand, Failed, Target
from aurora_otel.discovery.walk import Walk
from aurora_otel.model.endpoints import Address, EndpointMap, EndpointType
from aurora_otel.model.single_names import explained, is_single
from aurora_otel.model.topology import Answer, Role
from aurora_otel.runtime import sockets
from tests.support.fake_cluster import FakeCluster

RDS = "orders.c0ffee123456.eu-west-1.rds.amazonaws.com"
OLD, NEW = Address("10.0.0.1", 5432), Address("10.0.0.2", 5432)
SOURCES = (SinglePostgreSQL(), SingleMySQL())

# Names.

ARE_SINGLE = (
    RDS,
    "orders.postgres.database.azure.com",
    "orders.writer.postgres.database.azure.com",
    "orders.private.mysql.database.azure.com",
    "orders.mysql.database.usgovcloudapi.net",
    "103uufa2svq8u.2rb3qdj9tkf4d.global.sql-psa.goog",
    "103uufa2svq8u.2rb3qdj9tkf4d.us-east4.sql.goog",
)
ARE_NOT = (
    "orders.cluster-c0ffee123456.eu-west-1.rds.amazonaws.com",
    "orders.cluster-ro-c0ffee123456.eu-west-1.rds.amazonaws.com",
    "orders.proxy-c0ffee123456.eu-west-1.rds.amazonaws.com",
    "orders.reader.postgres.database.azure.com",
    "postgres.database.azure.com",
    "orders.postgres.database.azure.com.example.com",
    "db.example.com",
    "10.0.0.1",
    "localhost",
)


@pytest.mark.parametrize("host", ARE_SINGLE)
def test_the_clouds_names_say_so_themselves(host):
    assert is_single(host, 5432)
    assert Servers().is_single(Address(host, 5432))


@pytest.mark.parametrize("host", ARE_NOT)
def test_no_other_name_does_unless_a_setting_says_so(host):
    servers, here = Servers(), Address(host, 5432)
    assert not servers.is_single(here)
    servers.singles = frozenset([Address(host, 5433)])
    assert not servers.is_single(here)
    for listed in (here, Address(host, 0)):
        servers.singles = frozenset([listed])
        assert servers.is_single(here)


def test_what_is_known_as_a_member_of_several_is_not_alone():
    servers, here = Servers(), Address(RDS, 5432)
    servers.expect([here])
    assert not servers.is_single(here)


def test_its_name_says_of_no_instance_which_one_it_is():
    found = explained(EndpointMap().classify(RDS, 5432))
    assert (found.type, found.instance, found.domain) == (EndpointType.OTHER, None, None)
    assert found.address == Address(RDS, 5432)
    private = EndpointMap(writers=frozenset([Address("db.example.com", 0)]))
    assert explained(private.classify("db.example.com", 5432)).type is EndpointType.WRITER


def test_an_address_is_sought_under_no_domain_and_by_no_template():
    assert EndpointMap().address(str(OLD), "eu-west-1.rds.amazonaws.com", 5432) is None


# Rows.


def probed(system, **found):
    """Return what a server with this evidence is recognised as, by a single name and by another."""
    rows = [("pseudo_thread_id", "7"), *found.items()]
    if system == "postgresql":
        probe = SYSTEMS[system]
        names = [name for source in probe._sources for name in source.evidence]
        rows = [("7", "5000", *(found.get(name) for name in names))]
    return [
        match and match.source.kind
        for match in (
            SYSTEMS[system].parse_probe(rows, is_single=is_single).match
            for is_single in (True, False)
        )
    ]


@pytest.mark.parametrize(
    ("system", "found", "kinds"),
    [
        ("postgresql", {"writable": "false", "standbys": "single"}, ["single", "plain"]),
        ("postgresql", {"writable": "false", "standbys": "primary"}, ["single", "plain"]),
        ("postgresql", {"writable": "true", "standbys": "standby"}, ["plain", "plain"]),
        ("postgresql", {"writable": "read-only"}, [None, None]),
        ("postgresql", {"writable": None}, [None, None]),
        ("postgresql", {"writable": "false", "identity": "true"}, ["aurora", "aurora"]),
        ("mysql", {"read_only": "OFF"}, ["single", "plain"]),
        ("mysql", {"read_only": "ON"}, ["plain", "plain"]),
        ("mysql", {"read_only": "OFF", "wsrep_on": "ON"}, [None, None]),
        ("mysql", {"read_only": "OFF", "aurora_server_id": "a"}, ["aurora", "aurora"]),
        ("mysql", {"read_only": "OFF", "report_host": "10.0.0.1"}, ["multi-az", "multi-az"]),
    ],
)
def test_a_server_is_of_this_kind_by_its_name_if_it_accepts_writes_and_is_no_other(
    system, found, kinds
):
    assert probed(system, **found) == kinds


ROWS = [[("false", "7")], [("0", "7")]]


@pytest.mark.parametrize(("source", "rows"), list(zip(SOURCES, ROWS, strict=True)))
def test_it_is_called_by_the_address_at_which_it_was_reached(source, rows):
    answer = source.parse_answer(rows)
    assert located(source, answer, Address("::ffff:10.0.0.1", 5432)) == Answer(
        "10.0.0.1:5432", Role.WRITER, "7"
    )
    assert located(source, answer, Address("fd00::1", 5432)).instance == "[fd00::1]:5432"
    with pytest.raises(NoAnswerError):
        located(source, answer, None)


@pytest.mark.parametrize(
    ("source", "rows", "role"),
    [
        (SOURCES[0], [("true", "7")], Role.READER),
        (SOURCES[0], [("read-only", "7")], Role.UNKNOWN),
        (SOURCES[1], [("1", "7")], Role.READER),
    ],
)
def test_its_role_is_its_own_word(source, rows, role):
    assert source.parse_answer(rows).role is role


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("rows", [[], [("false",)], [(None, "7")], [("false", None)]])
def test_what_makes_no_sense_is_no_answer(source, rows):
    with pytest.raises(NoAnswerError):
        source.parse_answer(rows)


@pytest.mark.parametrize("source", SOURCES)
@given(st.lists(st.tuples(st.none() | st.text(max_size=6), st.none() | st.text(max_size=6))))
def test_any_rows_are_an_answer_or_none(source, rows):
    with contextlib.suppress(NoAnswerError):
        source.parse_answer(rows)


# The rule.


def says(address, role=Role.WRITER):
    return Answer(str(address), role, "7")


def verdict(old, *, leads_to=(NEW,), by_name=True, heard=None, is_own=False, **known):
    """Return the verdict where the new address claims, and the old one gives `old`."""
    known = {"writer": str(OLD), "members": frozenset([str(OLD)]), **known}
    hosts = frozenset(each.host for each in leads_to)
    places = {str(each): each for each in (OLD, NEW)}
    before = Beforehand(100.0, goes_by_address=True, leads_to=hosts, **known)
    first = Target(None, None) if by_name else Target(str(NEW), NEW)
    made = Plan([first], places.get, before)
    made.answered(made.next(), heard or says(NEW), NEW, is_own=is_own)
    while (target := made.next()) is not None:
        assert target == Target(str(OLD), OLD)
        if isinstance(old, Failed):
            made.failed(target, old, old.value)
        else:
            made.answered(target, old, OLD)
    return made.reading.verdict and made.reading.verdict.writer


GONE = (Failed.BROKEN, Failed.SILENT, says(OLD, Role.READER), says(OLD, Role.UNKNOWN))


@pytest.mark.parametrize("old", GONE, ids=["refuses", "is silent", "is a reader", "is read-only"])
def test_a_new_address_that_accepts_writes_is_believed_once_the_old_one(old):
    assert verdict(old) == str(NEW)


def test_while_the_old_one_accepts_writes_it_stays_the_writer():
    assert verdict(says(OLD)) == str(OLD)


@pytest.mark.parametrize("old", [Failed.REFUSED, Failed.UNHEARD, Failed.POSTPONED])
def test_an_old_one_that_may_serve_its_sessions_all_the_same_is_no_verdict(old):
    assert verdict(old) is None


@pytest.mark.parametrize("old", GONE)
@pytest.mark.parametrize(
    "doubtful",
    [
        {"leads_to": ()},
        {"leads_to": (OLD,)},
        {"leads_to": (OLD, NEW)},
        {"leads_to": (Address("10.0.0.3", 5432),)},
        {"by_name": False},
        {"heard": says(NEW, Role.READER)},
    ],
    ids=["no lookup", "still there", "both", "elsewhere", "not by the name", "a reader"],
)
def test_in_doubt_there_is_no_verdict(old, doubtful):
    assert verdict(old, **doubtful) is None


@pytest.mark.parametrize("old", GONE)
def test_a_connection_that_was_opened_by_the_name_counts_while_the_name_leads_there(old):
    over_kept = functools.partial(verdict, old, by_name=False, kept=str(NEW))
    assert over_kept() == str(NEW)
    for doubtful in ({"is_own": True}, {"leads_to": (OLD,)}, {"leads_to": (OLD, NEW)}):
        assert over_kept(**doubtful) is None


def test_a_former_one_that_was_silent_is_not_believed_while_the_known_one_is():
    assert verdict(Failed.SILENT, deposed=frozenset([str(NEW)])) is None
    assert verdict(Failed.BROKEN, deposed=frozenset([str(NEW)])) == str(NEW)


def test_the_first_one_is_believed_where_none_is_known():
    assert verdict(Failed.SILENT, writer=None, members=frozenset()) == str(NEW)


# Is anything there?


def test_a_port_accepts_connections_or_does_not():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address(*server.getsockname())
        assert sockets.accepts(address, 5.0)
    assert not sockets.accepts(address, 5.0)


def heard_at_b(fake, is_there=lambda _: True):
    """Return the verdict where `b`, to which the name leads, claims against `a`."""
    fake.source = SinglePostgreSQL()
    fake["a"].rows, fake["b"].rows = [("false", "11")], [("false", "12")]
    fake.walk = Walk(
        lambda: fake.source,
        fake.connect,
        lambda name: Address(name.partition(":")[0], 5432),
        lambda _: False,
        lambda: fake.now,
        is_there=is_there,
    )
    at = {"writer": "a:5432", "members": frozenset(["a:5432"]), "leads_to": frozenset("b")}
    heard = Answer("b:5432", Role.WRITER, "12")
    found = fake.read(default=False, heard=heard, heard_at=Address("b", 5432), **at).verdict
    fake.walk.close()
    return found and found.writer


@pytest.mark.parametrize(("listens", "expected"), [(True, None), (False, "b:5432")])
def test_a_login_that_failed_where_something_listens_does_not_show_that_it_is_gone(
    listens, expected
):
    fake, asked = FakeCluster(), []
    fake["a"].down = OSError("whatever")
    assert heard_at_b(fake, lambda address: asked.append(address) or listens) == expected
    assert asked == [Address("a", 5432)]


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.6, "a:5432"), (LASTING - 0.1, "a:5432"), (LASTING, "b:5432")]
)
def test_an_old_server_that_is_slow_is_silent_only_after_long(seconds, expected):
    class Slow(FakeCluster):
        def connect(self, target, timeout, longest=0.0, *, is_urgent=False):
            self.now += min(seconds, timeout)
            if seconds >= timeout:
                raise TimeoutError
            return super().connect(target, timeout, longest, is_urgent=is_urgent)

    assert heard_at_b(Slow()) == expected


def test_an_old_server_that_was_not_asked_is_not_silent():
    fake = FakeCluster()
    fake["a"].down = SilentLatelyError("the last login was not answered in time")
    assert heard_at_b(fake) is None
