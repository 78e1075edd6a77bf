import threading

import pytest

from aurora_otel.discovery.plan import MOST_NAMES
from aurora_otel.model.topology import Source
from tests.support.fake_cluster import ALL, MASTER, FakeCluster, Instance, RefusedError
from tests.support.waiting import eventually


@pytest.fixture
def cluster():
    return FakeCluster()


def test_a_reader_names_the_writer_and_the_writer_confirms(cluster):
    reading = cluster.read("b")
    assert cluster.path == ["b", "a"]
    assert (reading.verdict.writer, reading.named, reading.error) == ("a", "a", None)
    assert set(reading.verdict.instances) == set(ALL)
    assert (reading.source, reading.began, reading.verdict.began) == (Source.SQL, 100.0, 100.0)


def test_the_connection_that_is_open_answers_in_one_round_trip(cluster):
    cluster.read("b")
    assert cluster.read("b", "c").verdict.writer == "a"
    assert cluster.path == []
    cluster.walk.close()
    assert not cluster.open


def test_an_open_connection_to_a_suspect_is_not_asked_first(cluster):
    cluster.read("a")
    cluster["a"].hangs = True
    cluster.writer = "c"
    assert cluster.read("b", "a", suspect="a").verdict.writer == "c"
    assert cluster.path == ["b", "c"]
    assert cluster["a"].asked == 1


def test_a_writer_that_was_demoted_names_the_next(cluster):
    cluster.read("a")
    cluster.writer = "c"
    assert cluster.read("b").verdict.writer == "c"
    assert cluster.path == ["c"]


def test_a_lagging_informant_is_not_believed(cluster):
    cluster.writer = "c"
    cluster["b"].names = "a"  # and `a` knows better
    reading = cluster.read("b")
    assert cluster.path == ["b", "a", "c"]
    assert reading.verdict.writer == "c"


def test_lagging_views_alone_are_no_verdict(cluster):
    cluster.writer = "nobody"
    for name in ALL:
        cluster[name].names = "a"
    reading = cluster.read("b", "c")
    assert (reading.verdict, reading.named) == (None, "a")


def test_instances_that_name_each_other_are_asked_once(cluster):
    cluster.writer = "nobody"
    for name, other in zip(ALL, "bca", strict=True):
        cluster[name].names = other
    assert cluster.read("a", "b", "c", default=False).verdict is None
    assert cluster.path == ["a", "b", "c"]


def test_a_named_writer_that_is_down_is_no_verdict(cluster):
    cluster["a"].down = ConnectionRefusedError("no")
    reading = cluster.read("b", "c")
    assert (reading.verdict, reading.named) == (None, "a")
    assert reading.error == "ConnectionRefusedError"
    assert not reading.login_refused


def test_somebody_who_knows_better_is_asked_after_a_dead_name(cluster):
    cluster["a"].down = ConnectionRefusedError("no")
    cluster.writer = "c"
    cluster["b"].names = "a"
    assert cluster.read("b", "c").verdict.writer == "c"


def test_a_writer_that_hangs_is_avoided_for_a_while(cluster):
    cluster["a"].hangs = True
    cluster.read("b", "c")
    assert cluster["a"].asked == 1
    cluster.read("b", "c")
    assert cluster["a"].asked == 1
    cluster.now += 2.1
    cluster["a"].hangs = False
    assert cluster.read("b", "c").verdict.writer == "a"


def test_an_open_connection_that_hangs_is_dropped_and_avoided(cluster):
    cluster.read("a")
    cluster["a"].hangs = True
    cluster.writer = "c"
    assert cluster.read("a", "b").verdict.writer == "c"
    assert cluster.path == ["b", "c"]


def test_another_instance_that_answers_confirms_nothing(cluster):
    # The name of `c` leads to `a`, the writer: whoever asked for `c` has not heard `c`.
    cluster["c"].rows = cluster["a"].answer(view=True)
    reading = cluster.read("c", default=False)
    assert (reading.verdict, reading.error) == (None, "NoAnswerError")
    assert not cluster.open


def test_through_the_application_s_host_whoever_is_there_may_confirm(cluster):
    cluster.known = False
    cluster.default = "a"
    assert cluster.read().verdict.writer == "a"


def test_where_names_lead_nowhere_a_reader_confirms_nothing(cluster):
    cluster.known = False
    reading = cluster.read()
    assert (reading.verdict, reading.named) == (None, "a")
    assert set(reading.instances) == set(ALL)


def test_without_a_view_each_speaks_for_itself(cluster):
    reading = cluster.read("b", "c", "a", view=False)
    assert cluster.path == ["b", "c", "a"]
    assert reading.verdict.writer == "a"
    assert set(reading.verdict.instances) == set(ALL)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [()],
        [(None, None, None)],
        [("b", "maybe", "1")],
        [("b; DROP TABLE x", "false", "1", "b", MASTER, "1")],
        [("b", "false", "1", "evil.com:1/", MASTER, "1")],
    ],
)
def test_an_instance_that_talks_nonsense_confirms_nothing(cluster, rows):
    cluster["b"].rows = rows
    reading = cluster.read("b", default=False)
    assert reading.verdict is None
    assert cluster.path == ["b"]


def test_after_nonsense_the_others_are_asked(cluster):
    cluster["b"].rows = []
    assert cluster.read("b", "c").verdict.writer == "a"


@pytest.mark.parametrize("reachable", [True, False])
def test_a_server_that_names_another_one_each_time_is_done_with(cluster, reachable):
    class Endless(dict):
        def get(self, name, default=None):
            instance = Instance(name, cluster)
            instance.rows = [(name, "true", "1", f"{name[:1]}{len(cluster.path)}", MASTER, "1")]
            return instance

    cluster.instances = Endless()
    cluster.known = reachable
    reading = cluster.read("b")
    assert reading.verdict is None
    assert len(cluster.path) <= MOST_NAMES + 2


def test_a_name_that_was_asked_already_does_not_count_as_followed(cluster):
    names = [f"r{number}" for number in range(MOST_NAMES + 1)]
    for name in names:
        cluster.instances[name] = Instance(name, cluster)
        cluster[name].names = "a"
    cluster.writer = "c"
    cluster["a"].names = "a"
    cluster[names[-1]].names = "c"  # nobody but the last knows better
    assert cluster.read("a", *names, default=False).verdict.writer == "c"


def test_a_login_that_works_nowhere_is_told(cluster):
    for name in ALL:
        cluster[name].down = RefusedError()
    reading = cluster.read("b", "c", "a")
    assert reading.login_refused
    assert reading.error == "RefusedError"


def test_a_login_that_works_somewhere_is_not_refused(cluster):
    cluster["a"].down = RefusedError()
    assert not cluster.read("b", "c", "a").login_refused


def test_a_connection_that_broke_meanwhile_is_replaced_at_once(cluster):
    cluster.read("a")
    (link,) = cluster.open
    link.ask = None  # raises whatever it likes
    assert cluster.read("b", "c").verdict.writer == "a"
    assert cluster.path == ["b", "a"]


def test_a_reading_that_is_stopped_ends_and_the_next_asks_nobody(cluster):
    cluster["b"].hangs = None
    readings = []
    thread = threading.Thread(target=lambda: readings.append(cluster.read("b", "c", "a")))
    thread.start()
    eventually(lambda: cluster["b"].asked)
    cluster.walk.stop()
    thread.join(10)
    assert readings[0].verdict is None
    assert cluster.path == ["b"]
    assert cluster.read("c").verdict is None
    assert cluster.path == []
    assert not cluster.open
