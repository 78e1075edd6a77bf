from dataclasses import replace

import pytest

from aurora_otel.monitoring.paces import MASS
from benchmarks.fleet import NEW, OLD, READERS, Fleet, Scenario

FEW = Scenario(processes=400, connections=2, outage=20.0, capacity=20.0)


def test_a_simulation_comes_out_the_same_each_time():
    outcomes = [Fleet(FEW).run() for _ in range(2)]
    assert outcomes[0].detected == outcomes[1].detected


def test_where_servers_are_slow_half_of_the_processes_detect_soon_and_all_in_the_end():
    outcome = Fleet(FEW).run()
    assert outcome.within(0.5) <= 5.0
    assert outcome.within(1.0) <= 45.0


def test_while_a_name_leads_to_the_old_writer_half_of_the_processes_detect_as_soon():
    lagging = replace(FEW, outage=30.0, dns_lag=20.0)
    outcome = Fleet(lagging).run()
    assert outcome.within(0.5) <= 5.0
    assert outcome.within(1.0) <= 60.0
    # Why failed connects bring no login forward.
    assert outcome.most(NEW) <= 400 * 2 / 10
    assert Fleet(replace(lagging, hasty=0.3)).run().most(NEW) > 400 * 2 / 10


def test_a_fleet_that_is_as_small_as_the_server_allows_spreads_its_logins_for_a_shorter_time():
    # A tenth of those that 5,000 connections are enough for, at servers with a tenth of the speed.
    ordinary = Scenario(167, MASS, 30.0, 50.0, allowed=5_000)
    outcome = Fleet(ordinary).run()
    assert outcome.within(0.5) <= 5.0
    assert outcome.within(1.0) <= 45.0
    assert outcome.most(NEW) <= 167 * MASS / 10
    counts = [outcome.logins[server] for server in READERS]
    assert sum(each[second] for each in counts for second in range(5)) >= 167
    # Why they are spread at all.
    assert Fleet(replace(ordinary, allowed=1)).run().most(NEW) > 167 * MASS / 10


@pytest.mark.parametrize("capacity", [None, 20.0])
def test_the_new_writer_sees_few_logins_of_the_agents(capacity):
    outcome = Fleet(Scenario(400, 2, 20.0, capacity)).run()
    assert outcome.most(NEW) <= 400 * 2 / 10
    assert all(sum(outcome.logins[server].values()) for server in READERS)


def test_misrouted_processes_detect_at_once_and_by_few_logins_where_servers_are_quick():
    outcome = Fleet(Scenario(400, 20, 20.0, None, is_misrouted=True)).run()
    assert outcome.within(0.5) <= 5.0
    assert outcome.within(1.0) <= 45.0
    assert outcome.most(NEW) <= 400 * 20 / 10
    assert all(sum(outcome.logins[server].values()) for server in (*READERS, OLD))


def test_processes_whose_lost_writer_is_back_as_a_reader_detect_as_soon():
    back = replace(FEW, outage=30.0, is_misrouted=True, back_after=2.0)
    outcome = Fleet(back).run()
    assert outcome.within(0.5) <= 5.0
    assert outcome.within(1.0) <= 45.0
    assert min(outcome.detected) >= 0.0


def test_no_misrouted_process_detects_before_the_promotion():
    outcome = Fleet(Scenario(50, 2, 20.0, None, is_misrouted=True)).run()
    assert min(outcome.detected) >= 0.0


def test_misrouted_processes_detect_as_soon_where_servers_are_slow():
    # Each of them has an error that may be its own: so all log in at one moment.
    misrouted = replace(FEW, outage=30.0, is_misrouted=True)
    outcome = Fleet(misrouted).run()
    assert outcome.within(0.5) <= 5.0
    assert outcome.within(1.0) <= 45.0
