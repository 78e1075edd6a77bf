"""Histories that are drawn: the same 500 with each run of the tests, or as many others as wanted.

A history is fixed, but not how the agent's threads interleave with it: `make histories` plays
thousands, and a failure among them is a fault, however seldom it comes back.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.machine import Histories
from tests.histories.plain_machine import MySQLHistories, PostgreSQLHistories
from tests.histories.single_machine import SingleMySQLHistories, SinglePostgreSQLHistories

# How many are the same each time.
SAME = {
    Histories: 200,
    PostgreSQLHistories: 100,
    MySQLHistories: 100,
    SinglePostgreSQLHistories: 50,
    SingleMySQLHistories: 50,
}
DRAWN = int(os.environ.get("TEST_HISTORIES", "0"))


@pytest.mark.timeout(0 if DRAWN else 600)
@pytest.mark.parametrize("machine", SAME, ids=lambda machine: machine.__name__)
def test_no_history_shuts_down_a_connection_to_the_writer_nor_leaves_a_stale_one(machine):
    # A failure is shrunk by hand: with threads, what is shrunk may fail for another reason.
    phases = settings.default.phases if DRAWN else (Phase.generate,)
    drawn = settings(
        max_examples=DRAWN or SAME[machine],
        derandomize=not DRAWN,
        database=None,
        phases=phases,
        stateful_step_count=25,
        deadline=None,
        print_blob=not DRAWN,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=drawn)
