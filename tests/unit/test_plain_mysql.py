"""What the variables and rows of a MySQL with replicas say, and which of them is the writer."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.discovery.group_replication import GroupReplication
from aurora_otel.discovery.multi_az_mysql import MultiAZMySQL
from aurora_otel.discovery.mysql import MySQL
from aurora_otel.discovery.patience import Patience
from aurora_otel.discovery.plain_mysql import PlainMySQL
from aurora_otel.discovery.source import NoAnswerError
from aurora_otel.discovery.targets import Failed
from aurora_otel.model.topology import Answer, Role
from tests.support.tracks import new_cluster
from tests.unit.plans import ALL, course, plan, verdict

MULTI_AZ, GROUP, PLAIN = SOURCES = (MultiAZMySQL(), GroupReplication(), PlainMySQL())
IN_A_GROUP = {
    "group_replication_group_name": "a",
    "group_replication_single_primary_mode": "ON",
    "read_only": "ON",
}


def match(**variables):
    rows = [("pseudo_thread_id", "7"), *variables.items()]
    return MySQL(SOURCES).parse_probe(rows).match


@pytest.mark.parametrize(
    ("variables", "is_certain"),
    [
        ({"read_only": "ON"}, True),
        ({"read_only": "NO_LOCK"}, True),
        ({"read_only": "OFF", "slave_net_timeout": "60"}, True),
        ({"read_only": "OFF", "rpl_semi_sync_source_enabled": "ON"}, True),
        ({"read_only": "OFF", "wsrep_on": "OFF"}, False),
        (IN_A_GROUP, True),
    ],
)
def test_a_server_with_replicas_or_a_replica_is_of_this_kind(variables, is_certain):
    found = match(**variables)
    assert (found.source, found.is_certain, found.is_router) == (PLAIN, is_certain, False)


def test_the_more_particular_kinds_are_recognised_first():
    assert match(report_host="10.0.0.1", read_only="OFF").source is MULTI_AZ
    assert match(**IN_A_GROUP, group_replication_local_address="a:33061").source is GROUP


@pytest.mark.parametrize(
    "variables",
    [
        {"wsrep_on": "ON", "read_only": "OFF"},
        {**IN_A_GROUP, "group_replication_single_primary_mode": "OFF"},
        {},
    ],
    ids=["Galera", "a group of primaries", "what knows no such variable"],
)
def test_where_any_member_may_accept_writes_there_is_nothing_to_judge(variables):
    assert match(**variables) is None


def test_a_server_is_called_by_its_name_and_port():
    answer = PLAIN.parse_answer([("DB-1", "3306", "0", "42")])
    assert answer == Answer("db-1:3306", Role.WRITER, "42")
    assert PLAIN.parse_answer([("db-1", "3306", "ON", "42")]).role is Role.READER


MEMBERS = {"a": ("ONLINE", "PRIMARY"), "b": ("ONLINE", "SECONDARY"), "c": ("ONLINE", "SECONDARY")}


def group(own="a", read_only="0", **members):
    listed = {**MEMBERS, **members}
    return GROUP.parse_answer(
        [(own, read_only, "42", each, f"db-{each}", "3306", *listed[each]) for each in listed]
    )


def test_a_primary_is_the_writer_while_most_members_are_with_it():
    answer = group()
    assert (answer.instance, answer.role, answer.is_writer) == ("db-a:3306", Role.WRITER, True)
    assert {str(each) for each in answer.view.addresses.values()} == set(answer.view.instances)
    away = ("UNREACHABLE", "SECONDARY")
    assert group(b=away).is_writer
    alone = group(b=away, c=away)
    assert (alone.role, alone.view.writer, alone.is_writer) == (Role.UNKNOWN, None, False)


def test_a_secondary_names_the_primary_and_one_that_is_read_only_claims_nothing():
    answer = group(own="b", read_only="1")
    assert (answer.role, answer.view.writer) == (Role.READER, "db-a:3306")
    assert not group(read_only="1").is_writer
    two = group(b=("ONLINE", "PRIMARY"))
    assert (two.view.writer, two.is_writer) == (None, False)


def test_a_member_without_an_address_is_none_and_a_list_without_the_one_that_answers_no_answer():
    joining = ("a", "0", "42", "d", "", None, "OFFLINE", "")
    answer = GROUP.parse_answer([("a", "0", "42", "a", "db-a", "3306", *MEMBERS["a"]), joining])
    assert (answer.view.instances, answer.is_writer) == (("db-a:3306",), True)
    with pytest.raises(NoAnswerError, match="the member that answers"):
        group(own="d")


def rds(own="1", read_only="0"):
    domain = "c0ffee123456.eu-west-1.rds.amazonaws.com"
    return [(own, read_only, "42", each, f"lab-{each}.{domain}") for each in "123"]


def test_an_instance_of_a_multi_az_cluster_is_known_by_its_number():
    answer = MULTI_AZ.parse_answer(rds())
    assert (answer.instance, answer.is_writer) == ("lab-1", True)
    assert answer.view.instances == ("lab-1", "lab-2", "lab-3")
    reader = MULTI_AZ.parse_answer(rds(own="2", read_only="1"))
    assert (reader.instance, reader.role, reader.view.writer) == ("lab-2", Role.READER, None)


MEMBER = ("a", "0", "42", "a", "db", "1", "ONLINE", "PRIMARY")
GOOD = ("db-1", "3306", "0", "42", *rds()[0], *MEMBER)
cells = st.one_of(st.none(), st.text(max_size=6), st.sampled_from(GOOD))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
@given(rows=st.lists(st.lists(cells, max_size=8).map(tuple), max_size=4))
def test_any_rows_are_an_answer_or_none(source, rows):
    with contextlib.suppress(NoAnswerError):
        assert isinstance(source.parse_answer(rows), Answer)


# Which of them is the writer, without a number that rises with each promotion.


def writes(name):
    return Answer(name, Role.WRITER, "1")


def reads(name):
    return Answer(name, Role.READER, "1")


def test_the_only_one_that_is_writable_is_the_writer_once_the_others_have_denied_it():
    made = plan("a", "b", "c", hear_all=True, claims={"a": 0})
    course(made, {"a": reads("a"), "b": writes("b"), "c": reads("c")})
    assert verdict(made) == "b"


def not_located(_name):
    return None


@pytest.mark.parametrize(("is_complete", "expected"), [(True, "b"), (False, None)])
def test_one_that_claimed_and_cannot_be_asked_is_away_only_if_all_places_are_known(
    is_complete, expected
):
    known = {"hear_all": True, "claims": {"a": 0}, "is_complete": is_complete}
    made = plan("b", "c", locate=not_located, **known)
    course(made, {"b": writes("b"), "c": reads("c")})
    assert verdict(made) == expected


def test_without_connections_to_one_that_claimed_it_keeps_no_other_from_being_believed():
    made = plan("b", "c", locate=not_located, hear_all=True, claims={})
    course(made, {"b": writes("b"), "c": reads("c")})
    assert verdict(made) == "b"


@pytest.mark.parametrize("why", [Failed.SILENT, Failed.REFUSED])
@pytest.mark.parametrize(("deposed", "expected"), [({"b"}, None), ((), "b")])
def test_a_former_writer_is_not_believed_while_the_writer_is_silent(why, deposed, expected):
    known = {"hear_all": True, "is_complete": True, "deposed": frozenset(deposed)}
    made = plan("a", "b", "c", lasting=frozenset("a"), **known)
    course(made, {"a": why, "b": writes("b"), "c": reads("c")})
    assert verdict(made) == expected


@pytest.mark.parametrize("lasting", [True, False], ids=["for long", "for a moment"])
@pytest.mark.parametrize("why", [Failed.SILENT, Failed.BROKEN])
def test_one_that_claimed_is_out_of_the_question_once_it_has_given_no_answer_for_long(why, lasting):
    known = {"hear_all": True, "is_complete": True, "claims": {"a": 0}}
    made = plan("a", "b", "c", lasting=frozenset("a" if lasting else ""), **known)
    course(made, {"a": why, "b": writes("b"), "c": reads("c")})
    assert verdict(made) == ("b" if lasting else None)


def test_one_that_claimed_and_takes_no_login_is_there_for_however_long():
    known = {"hear_all": True, "is_complete": True, "claims": {"a": 0}}
    made = plan("a", "b", "c", lasting=frozenset("a"), **known)
    course(made, {"a": Failed.REFUSED, "b": writes("b"), "c": reads("c")})
    assert verdict(made) is None


def test_the_writer_is_not_confirmed_while_another_one_may_have_become_writable_unheard():
    made = plan("a", "b", "c", hear_all=True, is_complete=True, claims={"a": 0})
    course(made, {"a": writes("a"), "b": Failed.SILENT, "c": reads("c")})
    assert verdict(made) is None


def test_a_crash_is_no_silence():
    # What was connected to it has ended: it is not among those that claim.
    made = plan("a", "b", "c", hear_all=True, is_complete=True, claims={})
    course(made, {"a": Failed.BROKEN, "b": writes("b"), "c": reads("c")})
    assert verdict(made) == "b"


def test_what_an_instance_said_later_than_a_reading_began_stays():
    cluster = new_cluster()
    cluster.note_answer(writes("b"), 20.0)
    cluster.note_claims({"a": 0, "b": None}, 19.0)
    assert set(cluster.claims) == {"a", "b"}
    cluster.note_claims({"b": None}, 21.0)
    assert set(cluster.claims) == {"a"}


def test_a_silence_lasts_while_nothing_answers_and_is_forgotten_when_nothing_is_asked():
    patience = Patience()
    patience.gave_none("a", 100.0, 100.5)
    assert not patience.lasting({}, 110.0)
    # Its login goes on: it is asked still.
    assert patience.lasting({"a": 110.0}, 110.0) == {"a"}
    patience.answered("lab-1", "a")
    assert not patience.lasting({"a": 111.0}, 111.0)
    patience.gave_none("a", 200.0, 200.5)
    patience.gave_none("a", 202.5, 203.0)
    assert patience.lasting({}, 203.0) == {"a"}
    patience.gave_none("a", 300.0, 300.5)
    assert not patience.lasting({}, 300.5)


def test_a_login_that_was_given_up_late_shows_the_silence_until_then():
    patience = Patience()
    patience.gave_none("a", 100.0, 100.5)
    # Refreshes are rare by now: nothing was asked of it since.
    assert patience.lasting({"a": 110.0}, 115.0) == {"a"}
    assert not patience.lasting({}, 120.5)


heard = st.sampled_from([*Failed, True, False])


@given(
    truth=st.sampled_from(ALL),
    said=st.fixed_dictionaries(dict.fromkeys(ALL, heard)),
    order=st.permutations(ALL),
)
def test_a_writer_to_which_there_are_connections_is_given_up_only_by_its_word_or_its_absence(
    truth, said, order
):
    others = frozenset(ALL) - {truth}
    known = {"hear_all": True, "writer": truth, "claims": {truth: 0}, "deposed": others}
    made = plan(*order, **known)
    answers = {
        each: what if isinstance(what, Failed) else (writes if what else reads)(each)
        for each, what in said.items()
    }
    course(made, answers)
    if said[truth] is not False and said[truth] is not Failed.BROKEN:
        assert verdict(made) in (truth, None)
