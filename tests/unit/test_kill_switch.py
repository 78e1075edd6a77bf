import pytest

from aurora_otel.runtime.kill_switch import KillSwitch
from tests.support.waiting import eventually


@pytest.fixture
def changes():
    return []


@pytest.fixture
def switch(changes):
    switch = KillSwitch(changes.append)
    yield switch
    if thread := switch.stop():
        thread.join()


def test_it_is_on_while_its_file_exists(switch, changes, tmp_path):
    file = tmp_path / "observe"
    switch.watch(str(file))
    switch.ensure()
    assert not switch.is_on
    file.touch()
    eventually(lambda: switch.is_on)
    file.unlink()
    eventually(lambda: not switch.is_on)
    assert changes == [True, False]


def test_a_file_that_is_there_already_counts_at_once(switch, changes, tmp_path):
    switch.watch(str(tmp_path))
    assert switch.is_on
    switch.watch(str(tmp_path / "no" / "such"))
    assert not switch.is_on
    switch.watch(None)
    assert changes == [True, False]


def test_a_file_below_another_file_is_not_there(switch, tmp_path):
    (tmp_path / "file").touch()
    switch.watch(str(tmp_path / "file" / "observe"))
    assert not switch.is_on


def test_a_file_that_cannot_be_seen_may_be_there(switch, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    switch.watch(str(tmp_path / "loop" / "observe"))
    assert switch.is_on


def test_without_a_file_there_is_no_thread(switch):
    switch.watch(None)
    switch.ensure()
    assert switch.stop() is None
