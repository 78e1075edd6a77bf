"""Each invariant, on facts made by hand: what it lets pass, and what it does not."""

from __future__ import annotations

import pytest

from tests.chaos.facts import (
    Balance,
    Handed,
    Known,
    Left,
    Raised,
    Refused,
    Shut,
    Tally,
    Wrote,
    decode,
    encode,
)
from tests.chaos.invariants import all_of_them
from tests.chaos.truth import Truth

SHUT = {
    "at": 31.0,
    "began": 30.5,
    "cluster": 1,
    "instance": "lab-1",
    "endpoint": "writer",
    "role": "reader",
    "opened_at": 15.0,
    "refused": False,
}
BOOKS = {"at": 1.0, "opens": 10, "open": 2, "closes": 5, "prunes": 1, "invalidated": 2}


@pytest.fixture
def truth():
    """`lab-1` was the writer until 20, was demoted at 21, and joined again at 40."""
    truth = Truth("lab-1", 0.0)
    truth.switched(20.0, "lab-2", 21.5)
    truth.demoted("lab-1", 21.0)
    truth.restored("lab-1", 40.0)
    return truth


def complaints(truth, *facts):
    """What is wrong about facts, by the name of the invariant."""
    return [
        type(invariant).__name__
        for invariant in all_of_them()
        for fact in facts
        for _ in invariant.judge(fact, truth)
    ]


@pytest.mark.parametrize(
    ("wrote", "expected"),
    [
        (Wrote(10.1, 10.0, "lab-1"), []),
        (Wrote(25.1, 25.0, "lab-2"), []),
        (Wrote(25.1, 25.0, "lab-1"), ["Writes"]),
        (Wrote(25.1, 20.5, "lab-1"), []),  # begun before the demotion
        (Wrote(40.1, 39.9, "lab-1"), []),  # it may have joined by then
    ],
)
def test_a_write_that_a_demoted_instance_accepted(wrote, expected, truth):
    assert complaints(truth, wrote) == expected


def test_a_connection_to_the_writer_is_never_stale(truth):
    shut = {**SHUT, "instance": "lab-2"}
    assert complaints(truth, Shut(**shut)) == ["Shutdowns"]
    # While the writer changed, it may have been another.
    assert complaints(truth, Shut(**{**shut, "began": 21.0})) == []


@pytest.mark.parametrize(
    ("endpoint", "role", "refused", "expected"),
    [
        ("writer", "reader", False, []),
        ("reader", "writer", True, ["Shutdowns"]),
        ("custom", "writer", False, []),
        ("instance", "reader", False, ["Shutdowns"]),
        ("other", "reader", False, ["Shutdowns"]),
        ("other", "reader", True, []),
        ("instance", "reader", True, ["Shutdowns"]),  # the known writer has not changed since
    ],
)
def test_a_connection_to_a_reader_is_stale_by_the_table(endpoint, role, refused, expected, truth):
    shut = Shut(**{**SHUT, "endpoint": endpoint, "role": role, "refused": refused})
    assert complaints(truth, Known(1.0, 1.0, 1, "lab-2"), shut) == expected


def test_what_was_known_as_the_writer_is_stale(truth):
    shut = Shut(**{**SHUT, "endpoint": "instance"})
    known = [Known(5.0, 5.0, 1, "lab-1"), Known(23.0, 22.0, 1, "lab-2")]
    assert complaints(truth, *known, shut) == []
    assert complaints(truth, known[0], shut) == ["Shutdowns"]
    elsewhere = [Known(5.0, 5.0, 2, "lab-1"), Known(23.0, 22.0, 2, "lab-2")]
    assert complaints(truth, *elsewhere, shut) == ["Shutdowns"]
    earlier = Shut(**{**SHUT, "endpoint": "instance", "opened_at": 25.0})
    assert complaints(truth, *known, earlier) == ["Shutdowns"]


def test_a_refused_write_counts_once_the_known_writer_has_changed(truth):
    shut = Shut(**{**SHUT, "endpoint": "instance", "instance": "lab-3", "refused": True})
    known = [Known(5.0, 5.0, 1, "lab-1"), Known(23.0, 22.0, 1, "lab-2")]
    assert complaints(truth, *known, shut) == []


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ({}, []),
        ({"host": "lab-1.lab.internal:5432"}, ["Shutdowns"]),  # through another host
        ({"instance": "lab-3"}, ["Shutdowns"]),
        ({"at": 15.0}, ["Shutdowns"]),  # no later than it was opened
        ({"at": 30.5}, ["Shutdowns"]),  # no earlier than the reading began
    ],
)
def test_a_write_that_was_refused_beside_it_counts_by_a_name_that_moves(refused, expected, truth):
    shut = {**SHUT, "endpoint": "other", "host": "db.example.com:5432"}
    beside = {"at": 20.0, "instance": "lab-1", "host": shut["host"], **refused}
    assert complaints(truth, Refused(**beside), Shut(**shut)) == expected


def test_a_write_that_was_refused_beside_it_counts_by_no_instances_own_name(truth):
    shut = Shut(**{**SHUT, "endpoint": "other", "host": "lab-1.lab.internal:5432"})
    beside = Refused(20.0, "lab-1", shut.host)
    assert complaints(truth, beside, shut) == ["Shutdowns"]


HANDED = {
    "at": 30.2,
    "began": 30.0,
    "cluster": 1,
    "instance": "lab-1",
    "endpoint": "writer",
    "role": "reader",
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["Handovers"]),
        ({"endpoint": "reader"}, []),
        ({"role": "writer"}, []),
        ({"began": 22.0}, []),  # before the verdict
        ({"cluster": 2}, []),
        ({"began": 49.0, "at": 50.5}, []),  # the writer may not have answered
    ],
)
def test_a_misrouted_connection_is_not_handed_over_from_the_verdict_on(changes, expected, truth):
    truth.troubled("lab-2", 50.0).end(51.0)
    known = [Known(5.0, 5.0, 1, "lab-1"), Known(23.0, 22.5, 1, "lab-2")]
    assert complaints(truth, *known, Handed(**{**HANDED, **changes})) == expected


def test_what_was_only_introduced_is_no_verdict(truth):
    known = Known(23.0, 22.5, 1, "lab-2", confirmed=False)
    assert complaints(truth, known, Handed(**HANDED)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"received": 10}, []),
        ({"received": 9}, []),  # one more is on its way to the application
        ({"received": 11}, ["Accounts"]),
        ({"received": 10, "closes": 4}, ["Accounts"]),
        ({"received": 10, "closes": 6}, ["Accounts"]),
        ({"received": 10, "final": True}, ["Accounts"]),  # two are open still
        ({"received": 10, "final": True, "open": 0, "closes": 7}, []),
        ({"received": 9, "final": True, "open": 0, "closes": 7}, ["Accounts"]),
        ({"received": 9, "given_up": 1, "final": True, "open": 0, "closes": 7}, []),
        ({"received": 10, "given_up": 1, "final": True, "open": 0, "closes": 7}, ["Accounts"]),
    ],
)
def test_books(changes, expected, truth):
    assert complaints(truth, Balance(**{**BOOKS, **changes})) == expected


def test_a_connection_is_tracked_under_the_instance_that_it_leads_to(truth):
    assert complaints(truth, Wrote(1.0, 1.0, "lab-1", "lab-2")) == ["Accounts"]
    assert complaints(truth, Wrote(1.0, 1.0, "lab-1", None)) == []


def test_what_is_raised_where_it_must_not_be(truth):
    assert complaints(truth, Raised(1.0, "a call", "RuntimeError")) == ["Exceptions"]


@pytest.mark.parametrize(
    ("what", "before", "after", "expected"),
    [
        ("threads", 4, 4, []),
        ("threads", 4, 3, []),
        ("threads", 4, 5, ["Leftovers"]),
        ("MiB of memory", 100, 130, []),
        ("MiB of memory", 100, 133, ["Leftovers"]),
    ],
)
def test_what_is_left(what, before, after, expected, truth):
    assert complaints(truth, Left(1.0, what, before, after)) == expected


@pytest.mark.parametrize(
    "fact",
    [
        Wrote(2.0, 1.0, "lab-1"),
        Known(1.0, 1.0, 1, "lab-1"),
        Handed(**HANDED),
        Refused(1.0, "lab-1", "db.example.com:5432"),
        Shut(**SHUT),
        Balance(**BOOKS, received=10),
        Raised(1.0, "a call", "RuntimeError", "a trace\nof two lines"),
        Left(1.0, "threads", 4, 5, ("main",)),
        Tally(1.0, {"writes": 3}),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_facts_travel_as_lines(fact):
    line = encode(fact)
    assert "\n" not in line
    assert encode(decode(line)) == line
