"""What is special to MySQL; what all sources have in common is in `test_source.py`."""

import contextlib

import pytest
from hypothesis import given

from aurora_otel.discovery.aurora_mysql import AuroraMySQL
from aurora_otel.discovery.mysql import MySQL
from aurora_otel.discovery.source import MOST_ROWS, Match, NoAnswerError, Probe
from aurora_otel.model.topology import Answer, Role, View
from tests.unit.test_source import MASTER, tables

ME = ("lab-1", "0", "4711")
source = AuroraMySQL()
system = MySQL([source])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [("aurora_server_id", "lab-1"), ("pseudo_thread_id", "7")],
            Probe("7", Match(source, view=True)),
        ),
        ([("pseudo_thread_id", "7")], Probe("7")),
    ],
)
def test_a_probe_distinguishes_an_aurora_from_a_plain_server(rows, expected):
    assert system.parse_probe(rows) == expected


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [()],
        [("aurora_server_id", "lab-1")],
        [("pseudo_thread_id", None)],
        [("pseudo_thread_id", "")],
        [("pseudo_thread_id", 7)],
        [("pseudo_thread_id", "7", "7")],
        [("pseudo_thread_id", "7"), ([], "7")],
    ],
)
def test_a_probe_without_the_sessions_number_is_no_answer(rows):
    with pytest.raises(NoAnswerError):
        system.parse_probe(rows)


def test_an_instance_shows_its_role_by_innodb_read_only():
    assert source.parse_answer([ME]) == Answer("lab-1", Role.WRITER, "4711")
    assert source.parse_answer([("lab-2", "1", "1")]).role is Role.READER


def test_an_instance_that_is_read_only_by_its_own_setting_claims_nothing():
    answer = source.parse_answer([("lab-1", "read-only", "1", "lab-1", MASTER, None)])
    assert answer.role is Role.UNKNOWN
    assert not answer.is_writer


@pytest.mark.parametrize("reader", ["ON", "true", "", None, 1])
def test_a_role_that_makes_no_sense_is_no_answer(reader):
    with pytest.raises(NoAnswerError):
        source.parse_answer([("lab-1", reader, "1")])


def test_an_answer_with_a_view():
    rows = [
        (*ME, "lab-1", MASTER, None),
        (*ME, "lab-2", "0a1b", "0.0000"),
        (*ME, "lab-3", "2c3d", "301.0000"),
    ]
    expected = Answer("lab-1", Role.WRITER, "4711", View(("lab-1", "lab-2"), "lab-1"))
    assert source.parse_answer(rows) == expected


def test_an_empty_view_names_no_instance():
    answer = source.parse_answer([(*ME, None, None, None)])
    assert answer.view == View((), None)
    assert not answer.is_writer


def test_the_view_is_asked_for_as_far_as_an_aurora_could_go():
    assert f"LIMIT {MOST_ROWS}" in source.question(view=True)
    assert "replica_host_status" not in source.question(view=False)


@pytest.mark.parametrize("parse", [system.parse_probe, source.parse_answer])
@given(rows=tables)
def test_any_rows_are_an_answer_or_none_at_all(parse, rows):
    with contextlib.suppress(NoAnswerError):
        parse(rows)
