"""Which of the agent's idle connections is used next, and which are closed."""

import pytest

from aurora_otel.discovery.kept import Kept, KeptConnections


class Connection:
    """Raises where it is closed, as a driver may."""

    is_closed = False

    def close(self):
        self.is_closed = True
        raise OSError

    def abort(self):
        self.close()


@pytest.fixture
def idle():
    return [Kept(name, Connection(), is_own=True) for name in ("a", "b", "c")]


@pytest.fixture
def kept(idle):
    made = KeptConnections()
    for each in idle:
        made.add(each)
    return made


def closed(idle):
    return [each.instance for each in idle if each.connection.is_closed]


def test_one_is_taken_by_its_instance_and_once(kept, idle):
    assert kept.take("b") is idle[1]
    assert kept.take("b") is kept.take("d") is None
    assert (len(kept), kept.latest) == (2, "c")


@pytest.mark.parametrize(
    ("rather_than", "expected"), [("a", "b"), ("b", "a"), ("d", "a"), (None, "a")]
)
def test_another_instances_is_closed_first(kept, idle, rather_than, expected):
    assert kept.close_one(rather_than=rather_than) == expected
    assert closed(idle) == [expected]


def test_the_last_one_is_closed_whatever_is_wanted(idle):
    kept = KeptConnections()
    kept.add(idle[0])
    assert kept.close_one(rather_than="a") == "a"
    assert (len(kept), kept.latest) == (0, None)
    with pytest.raises(IndexError):
        kept.close_one(rather_than=None)


@pytest.mark.parametrize(
    ("instance", "rather_than", "expected"),
    [("a", "b", "a"), ("a", "a", "a"), ("d", "c", "b"), (None, None, "c")],
)
def test_the_one_that_is_wanted_most_stays(kept, idle, instance, rather_than, expected):
    kept.keep_one(instance, rather_than=rather_than)
    assert kept.latest == expected
    assert sorted([*closed(idle), expected]) == ["a", "b", "c"]


def test_all_are_aborted_and_closed(kept, idle):
    kept.abort()
    assert (len(kept), closed(idle)) == (3, ["a", "b", "c"])
    kept.close()
    assert len(kept) == 0
