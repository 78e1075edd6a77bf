"""Single histories: what the machine plays is identified, and shut down where it is stale."""

import pytest

from aurora_otel.drivers.marks import track_of
from tests.histories.machine import Histories
from tests.histories.world import World

TWO_TO_THE_WRITER = [(0, "writer", 0), (0, "writer", 0)]


@pytest.fixture
def play():
    played = []

    def begin(sizes=(2, 1), first=TWO_TO_THE_WRITER, explains="nothing"):
        history = Histories()
        played.append(history)
        history.begin(sizes=list(sizes), explains=explains, first=list(first))
        return history

    yield begin
    for history in played:
        history.teardown()


def test_a_failover_shuts_down_what_is_on_the_old_writer(play):
    history = play(first=[])
    for way in TWO_TO_THE_WRITER:
        history.connect_until_identified(*way)
    history.fail_over(database=0, which=0, follows=True, cuts=False)
    history.write(which=0)
    believe(history, 1)
    assert history.application.shut == 2


@pytest.mark.parametrize("way", ["writer", "instance", "private"])
def test_a_renamed_writer_keeps_its_connections(play, way):
    history = play(first=[(0, way, 0), (0, way, 0)])
    history.rename_under_sessions(database=0, which=0)
    history.let_time_pass(seconds=4000.0)
    history.refuse_a_write_in_a_read_only_transaction(which=0)
    history.settle()
    assert history.application.shut == 0


@pytest.mark.parametrize("way", ["writer", "instance", "private"])
def test_a_swap_of_names_keeps_the_connections_to_the_writer(play, way):
    history = play(first=[(0, way, 0), (0, way, 0)])
    history.swap_names_under_sessions(database=0, which=0, other=1)
    history.refuse_a_write_in_a_read_only_transaction(which=0)
    history.settle()
    assert history.application.shut == 0


def believe(history, number):
    """Have the agent refresh until it takes that server for the writer of the first cluster."""
    name = history.world.databases[0].servers[number].name
    track = track_of(history.application.held[0])
    # Each refresh has a fiftieth of its time: a busy machine may hold up many. One that held up the
    # first answers has left connections unknown, in a cluster for each name that they were opened
    # through: two that lead to the new writer have an error by turns.
    for round_ in range(200):
        history.settle()
        if track.cluster.current.detector.writer == name:
            break
        history.refuse_a_write_in_a_read_only_transaction(which=1 + round_ % 2)
        history.let_time_pass(seconds=10.0)
    assert track.cluster.current.detector.writer == name


@pytest.mark.parametrize("instances", [2, 3])
def test_an_old_writer_that_resumes_while_the_new_one_is_frozen_closes_nothing(play, instances):
    history = play(sizes=[instances, 1], first=[(0, "writer", 0), (0, "instance", 1)])
    believe(history, 0)
    history.freeze(database=0, which=0)
    history.fail_over(database=0, which=0, follows=True, cuts=False)
    history.connect(database=0, way="writer", which=0)
    believe(history, 1)
    shut = history.application.shut
    history.thaw(database=0, which=0)
    history.freeze(database=0, which=1)
    for _ in range(3):
        history.refuse_a_write_in_a_read_only_transaction(which=2)
        history.settle()
        history.let_time_pass(seconds=10.0)
    assert history.application.shut == shut


def test_a_failover_back_to_a_writer_that_was_frozen_is_believed_by_a_readers_word(play):
    history = play(sizes=[3, 1], first=[(0, "writer", 0), (0, "instance", 1)])
    believe(history, 0)
    history.freeze(database=0, which=0)
    history.fail_over(database=0, which=0, follows=True, cuts=False)
    history.connect(database=0, way="writer", which=0)
    believe(history, 1)
    history.thaw(database=0, which=0)
    history.learn_that_it_is_a_reader(database=0, which=0)
    history.freeze(database=0, which=1)
    history.fail_over(database=0, which=0, follows=True, cuts=False)
    history.connect(database=0, way="writer", which=0)
    believe(history, 0)


def test_the_other_connections_to_a_renamed_server_are_asked_before_their_next_call(play):
    history = play(first=[], explains="template")
    for _ in range(4):
        history.connect_until_identified(0, "tunnel", 0)
    history.fail_over(database=0, which=0, follows=True, cuts=False)
    history.swap_names_under_sessions(database=0, which=0, other=1)
    first, *others = map(track_of, history.application.held)
    for _ in range(50):
        history.let_time_pass(seconds=1.0)
        if history.application.write(first()) or first.instance != others[0].instance:
            break
        history.settle()
    assert [(each.doubted, each.cluster.alert) for each in others] == [(True, True)] * 3


@pytest.mark.parametrize("_again", range(20))
def test_another_clusters_instance_of_the_writers_name_shuts_nothing_down(play, _again):
    # A drawn history. Which answer comes first is chance: one in twenty showed the fault.
    reading = [(1, "private reader", 1), (1, "reader", 2), (1, "reader", 2)]
    history = play([3, 3], [*reading, (1, "tunnel", 0), (1, "instance", 1)], "some")
    history.fail_over(database=0, which=1, follows=False, cuts=False)
    history.learn_that_it_is_a_reader(database=0, which=0)
    history.freeze(database=1, which=0)
    history.let_time_pass(seconds=10.0)
    history.thaw(database=0, which=1)
    history.close(which=3)
    history.swap_names(database=0, which=2, other=0)
    history.refuse_a_write_in_a_read_only_transaction(which=6)
    history.fail_over(database=1, which=0, follows=False, cuts=False)
    history.settle()
    history.write(which=5)
    history.check_what_was_shut_down()


# What follows ends with a stale connection that is found in the end: see `Histories.teardown`.


@pytest.mark.parametrize("explains", ["nothing", "some"])
def test_a_writer_is_found_behind_the_host_that_was_not_the_last(play, explains):
    history = play(first=[(0, "private", 0), (0, "private reader", 0)], explains=explains)
    history.fail_over(database=0, which=0, follows=False, cuts=False)


@pytest.mark.parametrize("explains", ["nothing", "template"])
def test_a_server_that_was_renamed_before_the_failover_is_known_by_its_own_word(play, explains):
    history = play(sizes=[1], first=[(0, "private", 0)], explains=explains)
    history.rename_under_sessions(database=0, which=0)
    history.add_a_reader(database=0)
    history.fail_over(database=0, which=0, follows=False, cuts=False)


def test_a_server_that_was_renamed_after_the_failover_is_known_by_its_own_word(play):
    history = play(sizes=[1], first=[(0, "private", 0)])
    history.add_a_reader(database=0)
    history.fail_over(database=0, which=0, follows=True, cuts=False)
    history.rename_under_sessions(database=0, which=0)


def test_a_connection_that_was_lost_while_it_was_asked_keeps_no_other_from_being_asked(play):
    history = play(first=[(0, "private", 0)])
    history.fail_over(database=0, which=0, follows=False, cuts=True)
    history.connect(database=0, way="private", which=0)


def test_a_failover_is_found_once_names_follow_after_a_long_time(play):
    history = play(first=[(0, "private", 0)], explains="some")
    history.fail_over(database=0, which=0, follows=False, cuts=False)
    history.write(which=0)
    history.let_time_pass(seconds=4000.0)


# Names that lead to other instances of equal names, while the own writer does not answer.


def test_a_name_that_moved_to_another_cluster_is_no_writer_of_the_own_one(play):
    history = play(sizes=[1, 1, 1, 2], first=[(3, "writer", 0), (3, "instance", 1)])
    history.move_a_name_to_another_cluster(origin=3, destination=1, which=0)
    history.freeze(database=3, which=0)
    history.fail_over(database=1, which=0, follows=True, cuts=True)
    history.refuse_a_write_in_a_read_only_transaction(which=0)
    history.settle()
    assert history.application.shut == 0


@pytest.mark.parametrize("way", ["writer", "instance"])
def test_a_template_that_leads_to_a_region_that_was_never_met_closes_nothing(play, way):
    history = play(sizes=[1, 1, 1, 1], first=[(3, way, 0)], explains="template")
    history.add_a_reader(database=2)
    history.fail_over(database=2, which=0, follows=True, cuts=True)
    history.refuse_a_write_in_a_read_only_transaction(which=0)
    history.settle()
    assert history.application.shut == 0


def test_a_template_leads_no_connect_to_a_region_that_was_never_met(play):
    history = play(first=[(1, "writer", 0)], sizes=[2, 2], explains="template")
    elsewhere, here = history.world.databases
    history.fail_over(database=0, which=0, follows=True, cuts=True)
    for server in elsewhere.servers:
        server.is_frozen = True
    history.refuse_a_write_in_a_read_only_transaction(which=0)
    history.settle()
    for server in (*elsewhere.servers, *here.servers):
        server.is_frozen = server.database is here
    history.let_time_pass(seconds=200.0)
    history.refuse_a_write_in_a_read_only_transaction(which=0)
    history.settle()
    for server in here.servers:
        server.is_frozen = False
    history.connect(database=1, way="writer", which=0)
    assert {each.session.server.database for each in history.application.held} == {here}


# What the histories are judged by.


def test_a_claim_is_true_of_the_moment_in_which_it_was_answered():
    world = World([2])
    (database,) = world.databases
    former, latter = database.servers
    world.answers_for(former)
    world.promote(database, latter)
    assert not world.was_writer_when_claimed(latter, former.name)
    former.believes = True
    world.answers_for(former)
    assert world.was_writer_when_claimed(latter, former.name)
    assert world.was_writer_when_claimed(latter, "another")
