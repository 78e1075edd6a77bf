"""Single histories of the kinds of clusters but Aurora: what their machines play, and what failed.

Each ends with the check that no stale connection is left: see `Play.teardown`.
"""

import pytest

from aurora_otel.drivers.marks import track_of
from tests.histories.application import Time
from tests.histories.group_world import GroupHistories
from tests.histories.plain_machine import MySQLHistories, PostgreSQLHistories
from tests.histories.servers import PORT
from tests.histories.single_machine import SingleMySQLHistories, SinglePostgreSQLHistories

SERVICE, BALANCER = (0, "service", 0), (0, "balancer", 0)
WRITERS, READERS, ALL = (0, "writer", 0), (0, "reader", 0), (0, "all", 0)
# Readers are met by their own name, and the writer by the one that leads to all: two clusters,
# where servers are called by their addresses.
BY_ADDRESS = (True, False, True)
APART = [ALL, READERS, READERS, ALL, ALL, ALL, READERS]
PLAIN = pytest.mark.parametrize("machine", [PostgreSQLHistories, MySQLHistories])
SINGLE = pytest.mark.parametrize("machine", [SinglePostgreSQLHistories, SingleMySQLHistories])


@pytest.fixture
def play(request):
    played = []

    def begin(machine, **how):
        history = machine()
        played.append(history)
        history.begin(**how)
        return history

    yield begin
    for history in played:
        history.teardown()


def plain(play, machine, first, **how):
    """Play one cluster of three, in which nothing but the application's hosts shows the members."""
    defaults = {"sizes": [3], "shows": (True, False, False), "lists_members": False}
    return play(machine, **{**defaults, **how}, leaves_primaries=False, first=first)


def writes_on_all(history, rounds=60, but=None):
    """Write on every connection until those are shut down that lead to no writer, but one."""
    for _ in range(rounds):
        _writes_once(history)
        there = (each for each in history.application.held if not each.session.is_cut)
        if all(each is but or each.session.server.accepts_writes for each in there):
            return
    pytest.fail("a connection to what accepts no writes is left")


@PLAIN
@pytest.mark.parametrize("way", [SERVICE, BALANCER])
def test_what_was_opened_to_a_replica_is_shut_down_once_the_name_leads_to_the_writer(
    play, machine, way
):
    history = plain(play, machine, [way])
    history.have_names_lead_to(database=0, which=1)
    history.connect(*way)
    history.connect(*way)
    history.have_names_lead_to(database=0, which=0)
    writes_on_all(history)
    assert history.application.shut == 2


def test_a_primary_that_restarts_at_another_address_is_the_writer_there(play):
    history = plain(play, PostgreSQLHistories, [SERVICE, SERVICE])
    history.restart_at_another_address(database=0, which=0)
    (writer, *_) = history.world.members
    for _ in range(60):
        history.connect(*SERVICE)
        history.settle()
        cluster = track_of(history.application.held[-1]).cluster.current
        if cluster.detector.writer == str(writer.address):
            break
        history.refuse_a_write_in_a_read_only_transaction(which=len(history.application.held) - 1)
        history.let_time_pass(seconds=10.0)
    assert cluster.detector.writer == str(writer.address)


def test_while_a_primary_is_frozen_another_of_its_timeline_closes_nothing_at_it(play):
    history = plain(play, PostgreSQLHistories, [SERVICE, SERVICE])
    first, second, _ = history.world.members
    history.promote_beside(database=0, which=1, follows=False, others_follow=False)
    # As where two were promoted apart.
    first.timeline = second.timeline
    for _ in range(3):
        history.connect(*SERVICE)
        history.refuse_a_write_in_a_read_only_transaction(which=0)
        history.settle()
        history.let_time_pass(seconds=10.0)
    history.freeze(database=0, which=0)
    history.have_names_lead_to(database=0, which=1)
    for _ in range(3):
        history.connect(*SERVICE)
        history.let_time_pass(seconds=10.0)
        history.settle()
    assert history.application.shut == 0
    history.make_it_a_replica(database=0, which=1)


@pytest.mark.parametrize("is_identified", [True, False])
def test_in_a_split_brain_a_doubt_at_the_one_is_a_doubt_at_the_other(play, is_identified):
    # By their own addresses they are two clusters, until both know of each other.
    old, new = (0, "member", 0), (0, "member", 1)
    history = plain(play, PostgreSQLHistories, [], lists_members=True)
    history.connect_until_identified(*old)
    history.connect_until_identified(*old)
    history.promote_beside(database=0, which=1, follows=True, others_follow=False)
    if is_identified:
        history.connect_until_identified(*new)
    else:
        history.become_slow(database=0, which=1, delay=0.9)
        history.connect(*new)
        history.become_slow(database=0, which=1, delay=0.0)
        assert track_of(history.application.held[-1]).instance is None
    for _ in range(60):
        history.refuse_a_write_in_a_read_only_transaction(which=2)
        history.let_time_pass(seconds=10.0)
        history.settle()
        if history.application.shut == 2:
            break
    assert history.application.shut == 2
    (writer,) = [each for each in history.application.held if not each.session.is_cut]
    assert writer.session.server.name == "db0-1"


@pytest.mark.parametrize("_again", range(10))
def test_a_standby_that_was_promoted_and_is_too_slow_to_say_so_loses_no_connection(play, _again):
    # A drawn history. Which of them is heard in time is chance.
    several, readers = (0, "several", 1), (0, "reader", 0)
    others = [(1, "member", 0), (1, "tunnel", 0), WRITERS, WRITERS, (1, "several", 0)]
    first = [readers, several, *others]
    history = plain(play, PostgreSQLHistories, first, sizes=[2, 1], shows=(False, True, False))
    history.promote_beside(database=0, which=1, follows=False, others_follow=False)
    history.become_slow(database=0, which=1, delay=10.0)
    history.refuse_a_write_in_a_read_only_transaction(which=2)
    history.become_slow(database=0, which=1, delay=0.3)
    history.refuse_a_write_in_a_read_only_transaction(which=1)


@PLAIN
def test_readers_behind_a_name_that_leads_to_all_are_shut_down_once_it_was_reached_at_one_again(
    play, machine
):
    history = plain(play, machine, APART, shows=BY_ADDRESS)
    refused = _readers_through(history, "db0-all")
    for _ in range(60):
        history.connect(*ALL)
        history.connect(*READERS)
        _writes_once(history)
        if all(each.session.is_cut for each in refused):
            break
    assert refused
    assert all(each.session.is_cut for each in refused)


def test_readers_behind_a_name_that_leads_to_all_are_shut_down_where_it_is_listed(play):
    class Listed(MySQLHistories):
        def _all_members(self):
            return ",".join(f"{each}:{PORT}" for each in ("db0-all", "db0-0.pods", "db0-1.pods"))

    history = plain(play, Listed, APART, shows=BY_ADDRESS, lists_members=True)
    refused = _readers_through(history, "db0-all")
    for _ in range(60):
        _writes_once(history)
    assert refused
    assert all(each.session.is_cut for each in refused)


def test_what_a_tunnel_led_to_in_another_cluster_is_left_alone_once_it_leads_away(play):
    how = {"sizes": [1, 2], "shows": (True, False, False), "lists_members": False}
    history = play(PostgreSQLHistories, **how, leaves_primaries=False, first=[WRITERS])
    history.have_names_lead_to_another_cluster(database=0)
    history.switch_over(database=1, which=1, follows=False, others_follow=False)
    history.connect(database=0, way="tunnel", which=0)
    reader = history.application.held[-1]
    history.have_names_lead_to(database=0, which=0)
    history.have_names_lead_to(database=1, which=1)
    for _ in range(10):
        history.connect_to_writers()
        _writes_once(history)
    assert reader.session.server.name == "db1-0"
    assert history.application.shut == 0


def kinds_of(history):
    return {track_of(each).cluster.current.kind for each in history.application.held}


def test_what_stays_on_the_former_primary_of_a_group_is_shut_down(play):
    history = plain(play, GroupHistories, [])
    for way in (WRITERS, WRITERS, READERS):
        history.connect_until_identified(*way)
    assert kinds_of(history) == {"group-replication"}
    history.switch_over(database=0, which=1, follows=True, others_follow=True)
    reader = history.application.held[2]
    writes_on_all(history, but=reader)
    assert history.application.shut == 2
    assert not reader.session.is_cut


def test_a_primary_without_most_of_its_group_loses_no_connection(play):
    history = plain(play, GroupHistories, [WRITERS, WRITERS])
    primary = history.world.members[0]
    history.world.alone.add(primary)
    for _ in range(5):
        history.refuse_a_write_in_a_read_only_transaction(which=0)
        history.settle()
        history.let_time_pass(seconds=10.0)
    assert history.application.shut == 0
    history.world.alone.clear()


def test_what_stays_on_a_primary_that_its_group_has_expelled_is_shut_down(play):
    history = plain(play, GroupHistories, [])
    history.connect_until_identified(*WRITERS)
    history.connect_until_identified(*WRITERS)
    history.world.alone.add(history.world.members[0])
    history.promote_beside(database=0, which=1, follows=True, others_follow=True)
    history.connect(*WRITERS)
    for _ in range(60):
        history.refuse_a_write_in_a_read_only_transaction(which=0)
        history.settle()
        history.let_time_pass(seconds=10.0)
        if history.application.shut:
            break
    assert [each.session.is_cut for each in history.application.held] == [True, True, False]
    history.make_it_a_replica(database=0, which=0)


def test_a_primary_that_was_expelled_and_thaws_costs_the_new_one_no_connection(play):
    history = plain(play, GroupHistories, [WRITERS, WRITERS])
    history.freeze(database=0, which=0)
    history.world.alone.add(history.world.members[0])
    history.promote_beside(database=0, which=1, follows=True, others_follow=True)
    history.connect(*WRITERS)
    newest = history.application.held[-1]
    for _ in range(10):
        history.refuse_a_write_in_a_read_only_transaction(which=2)
        history.settle()
        history.let_time_pass(seconds=10.0)
    history.come_back(database=0, which=0)
    history.connect(0, "member", 0)
    for _ in range(5):
        history.refuse_a_write_in_a_read_only_transaction(which=2)
        history.settle()
        history.let_time_pass(seconds=10.0)
    assert not newest.session.is_cut
    assert track_of(newest).cluster.current.detector.writer == f"db0-1.pods:{PORT}"
    history.make_it_a_replica(database=0, which=0)


def _readers_through(history, host):
    """Return the open connections through a host that lead to no writer."""
    held = history.application.held
    through = [each for each in held if each.through == f"{host}:{PORT}"]
    return [each for each in through if not each.session.server.accepts_writes]


def _writes_once(history):
    """Write on every connection, and let time pass."""
    for connection in list(history.application.held):
        history.application.write(connection)
    history.let_time_pass(seconds=10.0)
    history.settle()


@SINGLE
def test_what_was_opened_while_the_server_was_too_slow_to_be_asked_is_known_by_its_address_later(
    play, machine
):
    history = play(machine, count=1, leaves_dead=True, first=[])
    history.become_slow(endpoint=0, which=0, delay=0.9)
    history.connect(endpoint=0)
    history.connect(endpoint=0)
    assert {track_of(each).instance for each in history.application.held} <= {"orders", None}
    history.become_slow(endpoint=0, which=0, delay=0.0)
    history.let_time_pass(seconds=10.0)
    # A busy machine may hold up answers for too long, again.
    address = str(history.world.endpoints[0].serving.address)
    for _ in range(20):
        history.connect(endpoint=0)
        history.let_time_pass(seconds=0.1)
        for connection in list(history.application.held):
            history.application.write(connection)
        known = {track_of(each).instance for each in history.application.held}
        if known == {address}:
            break
        history.let_time_pass(seconds=10.0)
    assert known == {address}
    # It is dead by the end, and sessions to it hang.
    history.fail_over(endpoint=0, which=0, fate="frozen", follows=True)


@SINGLE
@pytest.mark.parametrize("delay", [0.0, 0.3, 0.9])
def test_an_old_server_that_is_slow_and_accepts_writes_keeps_its_sessions(
    monkeypatch, play, machine, delay
):
    # Three seconds of silence are the end of it: a busy machine must not stand still for as many.
    monkeypatch.setattr(Time, "speed", 5.0)
    history = play(machine, count=1, leaves_dead=False, first=[0, 0])
    history.fail_over(endpoint=0, which=0, fate="stays", follows=True)
    history.become_slow(endpoint=0, which=0, delay=delay)
    for _ in range(4):
        history.connect(endpoint=0)
        history.settle()
        history.let_time_pass(seconds=1.0)
    assert history.application.shut == 0


@SINGLE
def test_while_the_one_before_it_is_silent_a_failover_back_stays_in_doubt(play, machine):
    history = play(machine, count=1, leaves_dead=True, first=[0, 0])
    history.fail_over(endpoint=0, which=0, fate="gone", follows=True)
    history.connect(endpoint=0)
    history.settle()
    between = history.application.held[-1]
    history.fail_over(endpoint=0, which=0, fate="frozen", follows=True)
    for _ in range(3):
        history.connect(endpoint=0)
        history.settle()
        history.let_time_pass(seconds=10.0)
    assert between.session.server is history.world.endpoints[0].places[1]
    assert not between.session.is_cut
