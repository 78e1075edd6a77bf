"""What the rows of a PostgreSQL with standbys say."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.discovery.identify import Kind, dialogue
from aurora_otel.discovery.plain_postgresql import PlainPostgreSQL
from aurora_otel.discovery.postgresql import PostgreSQL
from aurora_otel.discovery.source import NoAnswerError
from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Answer, Role

SOURCE = PlainPostgreSQL()
ME = ("10.0.0.5", "5432", "false", "42", "0000001A", "7713")


def test_an_instance_is_called_by_its_own_address_and_claims_at_its_timeline():
    answer = SOURCE.parse_answer([(*ME, None, None)])
    assert answer == Answer("10.0.0.5:5432", Role.WRITER, "42", epoch=26, lineage="7713")
    assert answer.is_writer


def test_a_standby_has_no_claim_and_shows_where_it_receives_from():
    row = ("::1", "5432", "true", "42", None, "7713", "pg-0.pg", "6432")
    answer = SOURCE.parse_answer([row])
    assert (answer.instance, answer.role, answer.epoch) == ("[::1]:5432", Role.READER, 0)
    assert answer.places == (Address("pg-0.pg", 6432),)


def test_standbys_are_sought_at_the_primarys_own_port():
    rows = [(*ME, host, None) for host in ("10.0.0.6", "10.0.0.7", "10.0.0.6", "10.0.0.5")]
    places = SOURCE.parse_answer(rows).places
    assert places == (Address("10.0.0.6", 5432), Address("10.0.0.7", 5432))


def test_a_socket_is_no_place():
    assert SOURCE.parse_answer([(*ME, "/run/postgresql", "5432")]).places == ()


@pytest.mark.parametrize(
    "row",
    [
        (),
        ME,
        (None, *ME[1:], None, None),
        (ME[0], "0", *ME[2:], None, None),
        (*ME[:2], "maybe", *ME[3:], None, None),
        (*ME[:3], None, *ME[4:], None, None),
        (*ME[:4], "timeline", ME[5], None, None),
        (*ME[:5], None, None, None),
    ],
)
def test_what_makes_no_sense_is_no_answer(row):
    with pytest.raises(NoAnswerError):
        SOURCE.parse_answer([row])


cells = st.one_of(st.none(), st.text(max_size=6), st.sampled_from([*ME, "٣", "999999"]))


@given(rows=st.lists(st.lists(cells, max_size=9).map(tuple), max_size=4))
def test_any_rows_are_an_answer_or_none(rows):
    with contextlib.suppress(NoAnswerError):
        assert isinstance(SOURCE.parse_answer(rows), Answer)


def kind(standbys, *, is_member=False):
    """Return what a server is taken for that shows this of its replication."""
    talk = dialogue(PostgreSQL([SOURCE]), None, "42", 0.0, is_member=is_member)
    next(talk)
    try:
        talk.send([("42", "300", standbys)])
    except StopIteration as end:
        return end.value[0].kind
    return Kind.INSTANCE


def test_a_server_without_standbys_is_plain_unless_it_is_known_as_a_member():
    assert kind("primary") is kind("standby") is Kind.INSTANCE
    assert kind("single") is kind(None) is Kind.PLAIN
    assert kind("single", is_member=True) is Kind.INSTANCE
    assert kind(None, is_member=True) is Kind.PLAIN
