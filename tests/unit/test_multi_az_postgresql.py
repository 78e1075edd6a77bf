"""What the rows of an RDS Multi-AZ DB cluster say."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.discovery.multi_az_postgresql import MultiAZPostgreSQL
from aurora_otel.discovery.source import NoAnswerError
from aurora_otel.model.topology import Answer, Role, View

SOURCE = MultiAZPostgreSQL()
DOMAIN = "c0ffee123456.eu-west-1.rds.amazonaws.com"


def rows(own="db-A", source="db-A", reader="false", ids="ABC", host="{}." + DOMAIN):
    members = [(f"db-{each}", host.format(f"lab-{each.lower()}")) for each in ids]
    return [(own, source, reader, "42", *member) for member in members]


def test_a_writer_is_one_by_its_own_word_whatever_the_list_names():
    view = View(("lab-a", "lab-b", "lab-c"), "lab-a", DOMAIN)
    assert SOURCE.parse_answer(rows()) == Answer("lab-a", Role.WRITER, "42", view)
    late = SOURCE.parse_answer(rows(source="db-B"))
    assert late == Answer("lab-a", Role.WRITER, "42", view)
    assert late.is_writer


def test_a_reader_names_the_writer_and_never_itself():
    answer = SOURCE.parse_answer(rows(own="db-B", reader="true"))
    assert (answer.instance, answer.role, answer.view.writer) == ("lab-b", Role.READER, "lab-a")
    wrong = SOURCE.parse_answer(rows(own="db-B", source="db-B", reader="true"))
    assert (wrong.role, wrong.view.writer, wrong.is_writer) == (Role.READER, None, False)


def test_one_that_is_read_only_by_its_own_setting_is_no_writer():
    answer = SOURCE.parse_answer(rows(reader="read-only"))
    assert (answer.role, answer.is_writer) == (Role.UNKNOWN, False)


@pytest.mark.parametrize(
    "nonsense",
    [
        [],
        [("db-A",)],
        rows(own="db-X"),
        rows(reader="maybe"),
        rows(host="attacker.example.com"),
        rows(host="{}.cluster-" + DOMAIN),
        [("db-A", "db-A", "false", None, "db-A", f"lab-a.{DOMAIN}")],
        [("db-A", "db-A", "false", "42", None, None)],
    ],
)
def test_what_makes_no_sense_is_no_answer(nonsense):
    with pytest.raises(NoAnswerError):
        SOURCE.parse_answer(nonsense)


cells = st.one_of(st.none(), st.text(max_size=5), st.sampled_from(["db-A", f"lab-a.{DOMAIN}"]))


@given(anything=st.lists(st.lists(cells, max_size=8).map(tuple), max_size=4))
def test_any_rows_are_an_answer_or_none(anything):
    with contextlib.suppress(NoAnswerError):
        assert SOURCE.parse_answer(anything).instance.startswith("lab-")
