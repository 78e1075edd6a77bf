"""What is special to MySQL; what all dialects have in common is in `test_source.py`."""

import contextlib

import pytest
from hypothesis import given

from aurora_otel.discovery.aurora_mysql import AuroraMySQL
from aurora_otel.discovery.source import MOST_ROWS, NoAnswerError, Probe
from aurora_otel.model.topology import Answer, Role, View
from tests.unit.test_source import MASTER, tables

ME = ("lab-1", "0", "4711")
dialect = AuroraMySQL()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [("aurora_server_id", "lab-1"), ("pseudo_thread_id", "7")],
            Probe("7", identity=True, view=True),
        ),
        ([("pseudo_thread_id", "7")], Probe("7", identity=False, view=False)),
    ],
)
def test_a_probe_tells_an_aurora_from_a_plain_server(rows, expected):
    assert dialect.parse_probe(rows) == expected


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
        dialect.parse_probe(rows)


def test_an_instance_tells_its_role_by_innodb_read_only():
    assert dialect.parse_answer([ME]) == Answer("lab-1", Role.WRITER, "4711")
    assert dialect.parse_answer([("lab-2", "1", "1")]).role is Role.READER


@pytest.mark.parametrize("reader", ["ON", "true", "", None, 1])
def test_a_role_that_makes_no_sense_is_no_answer(reader):
    with pytest.raises(NoAnswerError):
        dialect.parse_answer([("lab-1", reader, "1")])


def test_an_answer_with_a_view():
    rows = [
        (*ME, "lab-1", MASTER, None),
        (*ME, "lab-2", "0a1b", "0.0000"),
        (*ME, "lab-3", "2c3d", "301.0000"),
    ]
    expected = Answer("lab-1", Role.WRITER, "4711", View(("lab-1", "lab-2"), "lab-1"))
    assert dialect.parse_answer(rows) == expected


def test_an_empty_view_names_nobody():
    answer = dialect.parse_answer([(*ME, None, None, None)])
    assert answer.view == View((), None)
    assert not answer.is_writer


def test_the_view_is_asked_for_as_far_as_an_aurora_could_go():
    assert f"LIMIT {MOST_ROWS}" in dialect.question(view=True)
    assert "replica_host_status" not in dialect.question(view=False)


@pytest.mark.parametrize("parse", [dialect.parse_probe, dialect.parse_answer])
@given(rows=tables)
def test_any_rows_are_an_answer_or_none_at_all(parse, rows):
    with contextlib.suppress(NoAnswerError):
        parse(rows)
