"""Single histories: what the machine plays is identified, and shut down where it is stale."""

import pytest

from tests.histories.exploration import Histories

TWO_TO_THE_WRITER = [(0, "writer", 0), (0, "writer", 0)]


@pytest.fixture
def play():
    played = []

    def begin(sizes=(2, 1), first=TWO_TO_THE_WRITER):
        history = Histories()
        played.append(history)
        history.begin(sizes=list(sizes), explains="nothing", first=list(first))
        return history

    yield begin
    for history in played:
        history.teardown()


def test_a_failover_shuts_down_what_is_on_the_old_writer(play):
    history = play()
    history.fail_over(database=0, which=0, follows=True, cuts=False)
    history.write(which=0)
    history.settle()
    assert history.application.shut == 2


@pytest.mark.parametrize("way", ["writer", "instance", "private"])
def test_a_renamed_writer_keeps_its_connections(play, way):
    history = play(first=[(0, way, 0), (0, way, 0)])
    history.rename(database=0, which=0)
    history.let_time_pass(seconds=4000.0)
    history.refuse_a_write_in_a_read_only_transaction(which=0)
    history.settle()
    assert history.application.shut == 0


@pytest.mark.parametrize("way", ["writer", "instance", "private"])
def test_a_swap_of_names_keeps_the_connections_to_the_writer(play, way):
    history = play(first=[(0, way, 0), (0, way, 0)])
    history.swap_names(database=0, which=0, other=1)
    history.refuse_a_write_in_a_read_only_transaction(which=0)
    history.settle()
    assert history.application.shut == 0
