"""Chaos finds a bug of each kind, by the invariant that is there for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aurora_otel.lab import Cluster
from tests.chaos.invariants.accounts import Accounts
from tests.chaos.invariants.exceptions import Exceptions
from tests.chaos.invariants.handovers import Handovers
from tests.chaos.invariants.leftovers import Leftovers
from tests.chaos.invariants.shutdowns import Shutdowns
from tests.chaos.invariants.writes import Writes
from tests.chaos.lab import lab
from tests.chaos.plan import Action, Event
from tests.chaos.run import Run

SWITCHOVER = (Event(1, Action.SWITCHOVER, lasts=2.0), Event(2, Action.LEAK, pause=1.0))
FROZEN = (
    Event(1, Action.FREEZE_DNS, lasts=20.0),
    Event(2, Action.SWITCHOVER, lasts=20.0, choice=16),
    Event(3, Action.LEAK, pause=3.0),
)
READ_ONLY = (Event(1, Action.READ_ONLY), Event(2, Action.LEAK, pause=1.0))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with lab() as cluster:
        yield cluster


@pytest.mark.parametrize(
    ("bug", "events", "invariant"),
    [
        ("let writes through", SWITCHOVER, Writes),
        ("close readers", READ_ONLY, Shutdowns),
        ("believe names", FROZEN, Handovers),
        ("lose a close", READ_ONLY, Accounts),
        ("let an exception out", READ_ONLY, Exceptions),
        ("leak a monitoring connection", READ_ONLY, Leftovers),
    ],
)
def test_a_planted_bug_is_found(bug, events, invariant, cluster):
    violation = Run(cluster, events, bug).outcome().violation
    assert violation is not None
    assert violation.promise == invariant.promise, violation.what


def test_nothing_is_found_without_a_bug(cluster):
    assert Run(cluster, SWITCHOVER).outcome().violation is None
