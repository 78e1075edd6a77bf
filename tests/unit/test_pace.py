import itertools

import pytest

from aurora_otel.model.pace import (
    DOUBT_ENDS_AFTER,
    FREE,
    LOGINS_PER_SECOND,
    LONGEST,
    SILENT_FIRST,
    SPREAD,
    STEP,
    LoginPace,
    SteadyPace,
)

HOST = None


def pace(random=0.5):
    return LoginPace(lambda: random)


def logins(known, targets, seconds, began=0.0):
    """Log in whenever that is due; return the times and instances."""
    found = []
    for step in range(int(seconds * 100)):
        now = began + step / 100
        for target in targets:
            if known.may_log_in(target, now):
                known.logged_in(target, now)
                found.append((now, target))
    return found


def test_without_a_doubt_each_login_is_due():
    known = pace()
    for now in (0.0, 0.0, 1.0):
        assert known.may_log_in("a", now)
        known.logged_in("a", now)


def test_in_a_doubt_the_first_logins_are_due_at_once():
    known = pace()
    known.doubt(100.0, is_mass=False)
    assert logins(known, ["b", "c", "a", HOST], 0.1, 100.0) == [
        (100.0, target) for target in ("b", "c", "a", HOST)
    ]


def test_in_an_outage_of_10_seconds_there_are_10_logins_at_most():
    known = pace()
    known.doubt(0.0, is_mass=False)
    found = logins(known, ["b", "c", "a", HOST], 10)
    assert FREE < len(found) <= 10


def test_a_login_at_the_writer_that_is_newly_named_is_due_at_once():
    known = pace()
    known.doubt(0.0, is_mass=False)
    known.named("a", 0.0)
    logins(known, ["b", "c", "a", HOST], 5)
    known.named("a", 5.0)
    assert not known.may_log_in("c", 5.0)
    known.named("c", 5.0)
    assert known.may_log_in("c", 5.0)
    assert not known.may_log_in("b", 5.0)


def test_a_writer_that_is_named_while_a_refresh_goes_on_may_be_asked_in_that_one_once():
    known = pace()
    known.doubt(0.0, is_mass=False)
    known.named("a", 0.0)
    logins(known, ["b", "c", "a", HOST], 5)
    assert not known.may_log_in("c", 5.0)
    known.named_meanwhile("c", 5.0)
    assert known.may_log_in("c", 5.0)
    known.logged_in("c", 5.0)
    # Views disagree for a while: neither name is new any more.
    for name in ("a", "c", "a", "c"):
        known.named_meanwhile(name, 5.1)
        assert not known.may_log_in(name, 5.1)


def test_a_name_of_an_earlier_doubt_is_new_in_the_next_one():
    known = pace()
    for began in (0.0, 100.0):
        known.doubt(began, is_mass=False)
        known.named_meanwhile("a", began)
        logins(known, ["b", "c", "a", HOST], 5, began)
        assert not known.may_log_in("c", began + 5.0)
        known.named_meanwhile("c", began + 5.0)
        assert known.may_log_in("c", began + 5.0)
        known.settled()


def rounds(known, targets, at, claimant=None):
    """Refresh, and log in at all where that is due; return where that was."""
    known.refreshing(at, hears_all=True, claimant=claimant)
    due = [target for target in targets if known.may_log_in(target, at)]
    for target in due:
        known.logged_in(target, at)
    return due


def test_where_all_are_to_be_heard_a_login_is_due_at_each_or_at_none():
    known = pace()
    known.doubt(0.0, is_mass=False)
    targets = ["a", "b", "c", HOST]
    heard = [rounds(known, targets, float(at)) for at in range(30)]
    assert heard[:FREE] == [targets] * FREE
    assert all(each in ([], targets) for each in heard)
    assert FREE < heard.count(targets) <= FREE + 5
    # A new claim is worth logins at all, once.
    assert rounds(known, targets, 30.0) == []
    assert rounds(known, targets, 30.0, claimant="b") == targets
    assert rounds(known, targets, 30.0, claimant="b") == []


def test_a_verdict_ends_the_doubt_and_the_next_doubt_starts_over():
    known = pace()
    known.doubt(0.0, is_mass=True)
    assert known.is_in_doubt
    assert not known.may_log_in("b", 0.0)
    known.settled()
    assert not known.is_in_doubt
    assert known.may_log_in("b", 0.0)
    known.doubt(1.0, is_mass=False)
    assert len(logins(known, ["b", "c", "a"], 0.1, 1.0)) == 3


def test_in_a_long_outage_a_login_is_due_each_minute():
    known = pace()
    known.doubt(0.0, is_mass=False)
    logins(known, ["b", "c", "a", HOST], 1.0)
    known.logged_in("b", 3600.0)
    assert not known.may_log_in("c", 3600.0 + LONGEST - 0.1)
    assert known.may_log_in("c", 3600.0 + LONGEST)


def test_a_symptom_long_after_the_last_refresh_begins_another_doubt():
    known = pace()
    known.doubt(0.0, is_mass=False)
    known.doubt(10.0, is_mass=False)
    logins(known, ["b", "c", "a", HOST], 0.1, 10.0)
    assert known.goes_on(10.0 + DOUBT_ENDS_AFTER - 0.1)
    later = 10.0 + DOUBT_ENDS_AFTER
    assert not known.goes_on(later)
    known.doubt(later, is_mass=False)
    assert len(logins(known, ["b", "c", "a", HOST], 0.1, later)) == FREE


def test_a_symptom_within_a_doubt_does_not_begin_another():
    known = pace()
    known.doubt(0.0, is_mass=False)
    logins(known, ["b", "c", "a", HOST], STEP / 2)
    known.doubt(STEP / 2, is_mass=True)
    assert not known.may_log_in("b", STEP / 2)
    assert known.may_log_in("b", STEP)


@pytest.mark.parametrize("random", [0.0, 0.25, 0.999])
def test_after_a_mass_loss_the_first_login_is_at_a_random_moment_in_the_spread(random):
    known = pace(random)
    known.doubt(100.0, is_mass=True)
    ((first, _), *_) = logins(known, ["b", "c"], SPREAD, 100.0)
    assert first == pytest.approx(100.0 + random * SPREAD, abs=0.01)


@pytest.mark.parametrize(
    ("processes", "seconds"),
    [(1, 1 / LOGINS_PER_SECOND), (LOGINS_PER_SECOND, 1.0), (1e9, SPREAD)],
)
def test_logins_are_spread_over_no_longer_than_those_of_all_processes_take(processes, seconds):
    known = pace(0.5)
    known.doubt(100.0, is_mass=True, processes=processes)
    assert not known.may_log_in("b", 100.0 + 0.49 * seconds)
    assert known.may_log_in("b", 100.0 + 0.51 * seconds)


def test_once_the_lost_server_is_back_as_a_reader_logins_are_spread_no_longer():
    known = pace(0.999)
    known.doubt(100.0, is_mass=True)
    # One of before.
    known.back_as_reader(99.0)
    assert not known.may_log_in("b", 102.0)
    known.back_as_reader(102.0)
    assert rounds(known, ["b", "c", HOST], 102.0) == ["b", "c", HOST]


def test_a_claim_on_the_applications_own_connection_has_all_others_heard_at_once():
    known = pace(0.999)
    known.doubt(100.0, is_mass=True)
    assert rounds(known, ["b", HOST], 102.0) == []
    assert rounds(known, ["b", HOST], 103.0, claimant="a") == ["b", HOST]
    # One claim is enough for a verdict elsewhere, where the known writer alone is asked.
    known = pace(0.999)
    known.doubt(100.0, is_mass=True)
    known.refreshing(103.0, hears_all=False, claimant="a")
    assert not known.may_log_in("b", 103.0)


def test_a_server_that_is_back_hastens_no_logins_at_busy_servers():
    known = pace(0.999)
    known.doubt(100.0, is_mass=True)
    known.back_as_reader(102.0)
    known.in_vain()
    known.silent("b", 103.0)
    known.back_as_reader(103.0)
    assert not known.may_log_in("c", 104.0)
    known.settled()
    known.back_as_reader(103.0)
    assert not known.is_in_doubt


def test_after_a_mass_loss_one_instance_that_answers_is_enough_for_long():
    known = pace()
    known.doubt(0.0, is_mass=True)
    assert len(logins(known, ["b", "c"], 2 * SPREAD - 8)) == 1


def test_after_a_mass_loss_the_new_writer_is_logged_in_at_within_as_long_as_the_outage_lasted():
    known = pace(0.5)
    known.doubt(0.0, is_mass=True)
    known.named("a", 8.0)
    known.logged_in("b", 8.0)
    known.named("c", 10.0)
    assert not known.may_log_in("c", 14.9)
    assert known.may_log_in("c", 15.0)


def test_few_processes_log_in_at_the_new_writer_sooner_than_the_outage_lasted():
    known = pace(0.5)
    known.doubt(0.0, is_mass=True, processes=2 * LOGINS_PER_SECOND)
    known.named("a", 8.0)
    known.logged_in("b", 8.0)
    known.named("c", 10.0)
    assert known.put_off(10.9) == "c"
    assert known.may_log_in("c", 11.0)


def test_a_refresh_in_which_no_server_answered_has_the_doubt_taken_for_a_mass_loss():
    known = pace(0.5)
    known.in_vain()
    assert known.may_log_in("a", 0.0)
    known.doubt(0.0, is_mass=False)
    known.in_vain()
    known.named("a", 8.0)
    known.logged_in("b", 8.0)
    known.named("c", 10.0)
    assert known.put_off(14.9) == "c"
    assert known.may_log_in("c", 15.0)


def test_what_only_the_spreading_keeps_from_being_asked_is_put_off():
    known = pace(0.5)
    assert known.put_off(0.0) is None
    known.doubt(0.0, is_mass=True)
    known.named("a", 8.0)
    assert known.put_off(8.0) is None
    known.named("c", 10.0)
    assert known.put_off(14.9) == "c"
    assert known.put_off(15.0) is None
    known.settled()
    assert known.put_off(10.0) is None


def test_a_writer_that_the_application_has_heard_of_is_put_off_unless_it_was_asked():
    known = pace(0.5)
    assert known.put_off(0.0, "a") is None
    known.doubt(0.0, is_mass=True)
    assert known.put_off(1.0) is None
    assert known.put_off(1.0, "a") == "a"
    known.logged_in("a", 1.0)
    assert known.put_off(1.0, "a") is None


def test_a_login_that_was_not_answered_is_repeated_later_and_later():
    known = pace(0.5)
    now = 0.0
    for pause in (SILENT_FIRST, 2 * SILENT_FIRST, 4 * SILENT_FIRST):
        known.silent("b", now)
        assert not known.may_log_in("b", now + pause - 0.1)
        assert known.may_log_in("c", now)
        now += pause
        assert known.may_log_in("b", now)
    known.logged_in("b", now)
    known.silent("b", now)
    assert known.may_log_in("b", now + SILENT_FIRST)


def test_after_a_mass_loss_a_login_that_was_not_answered_puts_off_all():
    known = pace(0.5)
    known.doubt(0.0, is_mass=True)
    known.silent("b", SPREAD)
    assert not known.may_log_in("c", SPREAD + SILENT_FIRST - 0.1)
    assert known.may_log_in("c", SPREAD + SILENT_FIRST)


def refreshes(known, seconds, *, is_same=True):
    """Refresh for one kind of reason whenever that is due, at most once a second; return when."""
    found = []
    for now in range(seconds):
        if now >= known.next:
            known.refreshed(now, 10.0, is_same=is_same)
            found.append(now)
    return found


def test_while_the_writer_confirms_itself_the_same_reason_leads_to_fewer_refreshes():
    found = refreshes(SteadyPace(2, 60.0), 600)
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert gaps[:5] == [1, 1, 10, 20, 40]
    assert set(gaps[5:]) == {60}


def test_while_no_writer_confirms_itself_no_reason_waits():
    assert refreshes(SteadyPace(2, 60.0), 5, is_same=False) == [0, 1, 2, 3, 4]


def test_a_contradiction_and_a_quiet_time_start_over():
    known = SteadyPace(1, 60.0)
    refreshes(known, 100)
    known.reset()
    assert known.next < 100
    refreshes(known, 100)
    assert refreshes(known, 1) == []
    known.refreshed(1000.0, 10.0, is_same=True)
    assert known.next == 1000.0
