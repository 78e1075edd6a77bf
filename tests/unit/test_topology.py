import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import (
    GONE_AFTER,
    Answer,
    Member,
    Reading,
    Role,
    Source,
    View,
)


def reader(instance, age=0.0):
    return Member(instance, writer=False, age=age)


def writer(instance, age=0.0):
    return Member(instance, writer=True, age=age)


def test_the_writer_is_whose_row_says_so():
    view = View.of([reader("a"), writer("b"), reader("c")])
    assert view == View(("a", "b", "c"), "b")


def test_without_a_writer_none_is_named():
    assert View.of([reader("a"), reader("b")]) == View(("a", "b"), None)
    assert View.of([]) == View((), None)


@pytest.mark.parametrize("members", [[writer("a", 2), writer("b")], [writer("b"), writer("a", 2)]])
def test_of_two_that_claim_to_be_the_writer_the_newest_wins(members):
    view = View.of(members)
    assert view.writer == "b"
    assert set(view.instances) == {"a", "b"}


def test_rows_that_are_too_old_are_instances_that_are_gone():
    view = View.of([writer("a"), reader("b", GONE_AFTER), reader("c", GONE_AFTER + 0.1)])
    assert view.instances == ("a", "b")


def test_the_writer_is_there_however_old_its_row():
    assert View.of([writer("a", 4000), reader("b")]) == View(("a", "b"), "a")


def test_a_former_writer_whose_row_is_too_old_is_gone():
    assert View.of([writer("a", 4000), writer("b", 1)]) == View(("b",), "b")


def test_an_instance_with_two_rows_is_one():
    assert View.of([reader("a", 5), writer("a", 1)]) == View(("a",), "a")


members = st.lists(
    st.builds(Member, st.sampled_from("abcdef"), st.booleans(), st.floats(-1e6, 1e6)), max_size=12
)


@given(members)
def test_a_view_names_the_newest_claim_and_lists_who_is_there_once(rows):
    view = View.of(rows)
    claims = [row for row in rows if row.writer]
    assert (view.writer is None) is not bool(claims)
    if claims:
        youngest = min(row.age for row in claims)
        assert view.writer in {row.instance for row in claims if row.age == youngest}
        assert view.writer in view.instances
    assert len(set(view.instances)) == len(view.instances)
    fresh = {row.instance for row in rows if row.age <= GONE_AFTER}
    assert set(view.instances) == fresh | ({view.writer} if view.writer else set())


@pytest.mark.parametrize(
    ("role", "view", "is_writer"),
    [
        (Role.WRITER, None, True),
        (Role.WRITER, View(("a", "b"), "a"), True),
        (Role.WRITER, View(("a", "b"), "b"), False),
        (Role.WRITER, View(("a", "b"), None), False),
        (Role.READER, View(("a", "b"), "a"), False),
        (Role.READER, None, False),
        (Role.UNKNOWN, None, False),
    ],
)
def test_the_writer_says_so_by_its_role_and_by_its_own_row(role, view, is_writer):
    assert Answer("a", role, "1", view).is_writer is is_writer


def test_an_instance_was_asked_where_it_answered_by_its_own_name():
    first, second = Address("10.0.0.1", 5432), Address("10.0.0.2", 5432)
    reading = Reading(Source.SQL, 20.0, peers={first: None, second: "b"})
    assert reading.address_of("b") == second
    assert reading.address_of("a") is None
