import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.postgresql import PostgreSQL
from aurora_otel.discovery.source import MOST_ROWS, Match, NoAnswerError, Probe
from aurora_otel.model.topology import Answer, Role, View

MASTER = "MASTER_SESSION_ID"
ME = ("lab-1", "false", "4711")
source = AuroraPostgreSQL()
system = PostgreSQL([source])


def test_an_answer_without_a_view():
    assert source.parse_answer([ME]) == Answer("lab-1", Role.WRITER, "4711")
    assert source.parse_answer([("lab-2", "true", "1")]).role is Role.READER


def test_an_instance_that_is_read_only_by_its_own_setting_claims_nothing():
    answer = source.parse_answer([("lab-1", "read-only", "1", "lab-1", MASTER, None)])
    assert answer.role is Role.UNKNOWN
    assert not answer.is_writer


def test_an_answer_with_a_view():
    rows = [
        (*ME, "lab-1", MASTER, None),
        (*ME, "lab-2", "0a1b", "0.25"),
        (*ME, "lab-3", "2c3d", "301"),
    ]
    assert source.parse_answer(rows) == Answer(
        "lab-1", Role.WRITER, "4711", View(("lab-1", "lab-2"), "lab-1")
    )


def test_an_empty_view_names_no_instance():
    # A left join: the instance speaks of itself though the view has no rows.
    answer = source.parse_answer([(*ME, None, None, None)])
    assert answer.view == View((), None)
    assert not answer.is_writer


def test_identifiers_are_compared_in_lower_case():
    answer = source.parse_answer([("LAB-1", "false", "1", "Lab-1", MASTER, None)])
    assert answer.is_writer


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [()],
        [("lab-1",)],
        [("lab-1", "false")],
        [(*ME, "lab-1")],
        [(*ME, "lab-1", MASTER, "1", "one more")],
        [(None, "false", "1")],
        [("", "false", "1")],
        [("lab-1", None, "1")],
        [("lab-1", "f", "1")],
        [("lab-1", "FALSE", "1")],
        [("lab-1", False, "1")],
        [("lab-1", ["false"], "1")],
        [("lab-1", "false", None)],
        [("lab-1", "false", "")],
        [("lab-1", "false", 4711)],
        [(b"lab-1", "false", "1")],
        [(7, "false", "1")],
        [("lab\x00-1", "false", "1")],
        [("lab-1\n", "false", "1")],
        [("lab-1\x1b[31m", "false", "1")],
        [("1lab", "false", "1")],
        [("lab_1", "false", "1")],
        [("lab-1.evil.com", "false", "1")],
        [("evil.com/", "false", "1")],
        [("lab-1;DROP TABLE x", "false", "1")],
        [("x" * 64, "false", "1")],
        [("läb", "false", "1")],
    ],
)
def test_nonsense_about_itself_is_no_answer(rows):
    with pytest.raises(NoAnswerError):
        source.parse_answer(rows)


@pytest.mark.parametrize(
    "row",
    [
        (None, MASTER, "1"),
        ("evil.com:5432/?", MASTER, "1"),
        ("x" * 64, MASTER, "1"),
        ("lab-2\n", MASTER, "1"),
        (2, MASTER, "1"),
        ("lab-2", MASTER, "yesterday"),
        ("lab-2", MASTER, "nan"),
        ("lab-2", MASTER, "inf"),
        ("lab-2", MASTER, ["1"]),
        ("lab-2", MASTER),
        (),
    ],
)
def test_a_row_that_makes_no_sense_is_left_out_of_the_view(row):
    rows = [(*ME, "lab-1", MASTER, "1"), (*ME, *row), (*ME, "lab-3", "x", "2")]
    assert source.parse_answer(rows).view == View(("lab-1", "lab-3"), "lab-1")


def test_thousands_of_rows_are_read_as_far_as_an_aurora_could_go():
    rows = [(*ME, f"lab-{number}", MASTER, "1") for number in range(20_000)]
    view = source.parse_answer(rows).view
    assert len(view.instances) == MOST_ROWS
    assert f"LIMIT {MOST_ROWS}" in source.question(view=True)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("12", "5000", "true", "true")], Probe("12", Match(source, view=True), 5000)),
        ([("12", None, "true", "false")], Probe("12", Match(source, view=False))),
        ([("12", "5000", None, None)], Probe("12", None, 5000)),
        ([("12", None, "router", "true")], Probe("12", Match(source, is_router=True))),
        ([(None, None, "t", "TRUE")], Probe("")),
    ],
)
def test_a_probe_shows_what_may_be_asked(rows, expected):
    assert system.parse_probe(rows) == expected


@pytest.mark.parametrize("rows", [[], [()], [("1",)], [("1",) * 5], [("1",) * 4] * 2])
def test_a_probe_with_other_columns_is_no_answer(rows):
    with pytest.raises(NoAnswerError):
        system.parse_probe(rows)


values = (
    st.none()
    | st.text(max_size=70)
    | st.sampled_from(
        ["lab-1", "lab-2", "true", "false", "read-only", MASTER, "1", "nan", "-1e400", "1_0"]
    )
    | st.integers()
    | st.floats()
    | st.binary(max_size=5)
    | st.lists(st.none(), max_size=1)
)
tables = st.lists(st.lists(values, max_size=7), max_size=5)
answers = st.lists(st.tuples(*[values] * 3), max_size=5).map(
    lambda rows: [(*ME, *row) for row in rows]
)


@given(tables | answers)
@example([(*ME, "lab-1", MASTER, "1" * 5000)])
def test_any_rows_are_an_answer_of_instances_or_none_at_all(rows):
    try:
        answer = source.parse_answer(rows)
    except NoAnswerError:
        return
    listed = answer.view.instances if answer.view else ()
    named = [answer.view.writer] if answer.view and answer.view.writer else []
    assert set(named) <= set(listed)
    for name in (answer.instance, *listed):
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,62}", name)
    assert answer.role in Role
    assert isinstance(answer.backend_id, str)


@given(tables)
def test_any_rows_are_a_probe_or_none_at_all(rows):
    try:
        probe = system.parse_probe(rows)
    except NoAnswerError:
        return
    assert probe.match is None or probe.match.source is source
