"""How two that meet the same failovers are compared."""

from __future__ import annotations

import pytest

from benchmarks.questions.failover import GROUPS, TOGETHER, of_groups


def test_one_failover_at_which_the_other_was_lucky_decides_nothing():
    # It asks every 100 ms: by chance, it had just done so, or was about to.
    theirs = [30.0, 130.0, 130.0, 30.0, 30.0] * GROUPS
    assert of_groups([60.0] * len(theirs), theirs).middle == pytest.approx(60 / 70)


def test_a_quick_run_compares_one_group():
    assert of_groups([20.0] * TOGETHER, [40.0] * TOGETHER).middle == 0.5
