import threading

import pytest

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.patience import MOST_PATIENCE
from aurora_otel.discovery.plan import MOST_NAMES
from aurora_otel.discovery.walk import Walk
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


def test_a_writer_that_a_reader_names_is_heard_of_before_it_is_asked(cluster):
    heard = []
    cluster.walk = Walk(
        AuroraPostgreSQL,
        cluster.connect,
        cluster.locate,
        lambda _: False,
        lambda: cluster.now,
        named=lambda writer: heard.append((writer, list(cluster.path))),
    )
    cluster.writer = "c"
    cluster["b"].names = "a"
    assert cluster.read("b").verdict.writer == "c"
    assert heard == [("a", ["b"]), ("c", ["b", "a"])]


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
    cluster["b"].names = "a"  # and `a` names `c`
    reading = cluster.read("b")
    assert cluster.path == ["b", "a", "c"]
    assert reading.verdict.writer == "c"


def test_lagging_views_alone_are_no_verdict(cluster):
    cluster.writer = "unknown"
    for name in ALL:
        cluster[name].names = "a"
    reading = cluster.read("b", "c")
    assert (reading.verdict, reading.named) == (None, "a")


def test_instances_that_name_each_other_are_asked_once(cluster):
    cluster.writer = "unknown"
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


def test_another_instance_is_asked_after_a_name_that_leads_nowhere(cluster):
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
    # The name of `c` leads to `a`, the writer: a question to `c` has reached `a`.
    cluster["c"].rows = cluster["a"].answer(view=True)
    reading = cluster.read("c", default=False)
    assert (reading.verdict, reading.error) == (None, "NoAnswerError")
    assert not cluster.open


def test_any_instance_behind_the_application_s_host_may_confirm(cluster):
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
    cluster[names[-1]].names = "c"  # only the last names the writer
    assert cluster.read("a", *names, default=False).verdict.writer == "c"


def test_a_login_that_works_nowhere_is_reported(cluster):
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


def test_a_reading_that_is_stopped_ends_and_the_next_asks_no_instance(cluster):
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


def test_an_old_writer_that_thaws_is_not_believed(cluster):
    cluster["c"].rows = [
        ("c", "false", "1", "c", MASTER, "0.1"),
        ("c", "false", "1", "a", "x", "1"),
    ]
    reading = cluster.read("c", "b", writer="a", members=frozenset(ALL))
    assert cluster.path == ["c", "a"]
    assert (reading.verdict.writer, reading.contested) == ("a", ("c",))
    # Whatever the pace of logins: a claim waits for its word.
    assert cluster.urgent == ["a"]


def test_the_open_connection_is_asked_whether_its_server_was_renamed(cluster):
    cluster.read("a")
    cluster["a"].rows = [("x", "false", "1", "x", MASTER, "0.1")]
    reading = cluster.read("b", writer="a", members=frozenset(ALL))
    assert cluster.path == []
    assert (reading.verdict.writer, reading.verdict.renamed) == ("x", "a")
    cluster["a"].rows = None
    assert cluster.read("b", writer="x").verdict.writer == "a"


def test_the_budget_bounds_the_whole_refresh(cluster):
    for name in ALL:
        cluster[name].hangs = True
    began = cluster.now
    assert cluster.read("b", "c", "a").verdict is None
    assert cluster.now - began <= 1.5


def test_while_nothing_answers_each_refresh_has_more_time(cluster):
    for name in ALL:
        cluster[name].hangs = True
    took = []
    for _ in range(6):
        began = cluster.now
        cluster.read("b", "c", "a")
        took.append(cluster.now - began)
    assert took == sorted(took)
    assert 1.0 < took[-1] <= 1.5 * MOST_PATIENCE
    for name in ALL:
        cluster[name].hangs = False
    cluster.now += 2.1
    assert cluster.read("b", "c", "a").verdict.writer == "a"


def test_one_that_was_silent_is_left_alone_for_longer_than_a_refresh(cluster):
    cluster["b"].hangs = True
    cluster.read("b", "c")
    cluster.walk.close()
    cluster.now += 1.5
    cluster.read("b", "c")
    assert cluster["b"].asked == 1


def test_the_connection_to_the_writer_is_the_one_that_stays_open(cluster):
    cluster.read("b", "c")
    (link,) = cluster.open
    assert link.instance.name == "a"


def test_where_no_writer_confirms_the_connection_that_answered_last_stays_open(cluster):
    cluster["a"].down = ConnectionRefusedError("no")
    cluster.read("b", "c", default=False)
    (link,) = cluster.open
    assert link.instance.name == "c"
    assert cluster.read("b", default=False).verdict is None
    assert cluster.path == ["a", "b"]


def test_while_nothing_is_known_of_the_kind_of_cluster_no_instance_is_asked(cluster):
    cluster.source = None
    assert cluster.read("b").verdict is None
    assert cluster.path == []


def test_one_that_ends_in_the_moment_in_which_it_is_given_up_counts_no_more(cluster, monkeypatch):
    take = Walk._take_ended

    def take_one_that_was_given_up_first(walk, course):
        course.ended.put(object())
        take(walk, course)

    monkeypatch.setattr(Walk, "_take_ended", take_one_that_was_given_up_first)
    assert cluster.read("b").verdict.writer == "a"
