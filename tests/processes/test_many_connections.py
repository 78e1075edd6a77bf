"""Many connections in one process leave nothing behind; `make soak` does the same with more."""

from __future__ import annotations

from tests.processes.soak import churn, table


def test_nothing_is_left_of_them(mysql_lab):
    mysql_lab.heal()
    reported = churn(mysql_lab, 2000, 200)
    plain, ours = reported["plain"], reported["instrumented"]
    for name in ("descriptors", "threads", "tracked"):
        assert ours["before"][name] == ours["after"][name], table(reported)
    assert ours["failures"] == {}
    assert ours["after"]["resident"] <= 1.05 * plain["after"]["resident"], table(reported)
