"""Connects while a writer endpoint's name leads elsewhere, on servers that a test moves about."""

from __future__ import annotations

import signal

import pytest

from aurora_otel import agent
from aurora_otel.model.endpoints import Address
from aurora_otel.model.groups import UNKNOWN
from aurora_otel.model.pace import LoginPace
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.monitor import ClusterMonitor
from aurora_otel.telemetry import names
from tests.histories.application import Application, Time
from tests.histories.driver import Driver, LostError
from tests.histories.world import EXPLAINED, REGIONS, World
from tests.support.waiting import eventually

ENDPOINT = f"cluster0.cluster-{REGIONS[0]}"
PRIVATE = "cluster0.internal"
PORT = 5432
INSTANCES = ",".join(f"db0-{each}=db0-{each}.{EXPLAINED}:{PORT}" for each in range(3))


class Scene:
    """One cluster of three, an application, and what the agent counts."""

    def __init__(self, patched: pytest.MonkeyPatch, **settings: str) -> None:
        self.world = World([3, 1])
        self.database, self.other = self.world.databases
        self.clock = Time()
        patched.setattr(agent, "_clock", self.clock.now)
        # A machine that stands still for seconds is no slow server.
        patched.setattr(self.clock, "speed", 10.0)
        patient = {"refresh_timeout": "60", "identify_timeout": "60"}
        self.application = Application(self.world, self.clock, {**patient, **settings})
        self.application.watch(patched)

    def connect(self, host: str = ENDPOINT):
        connection = self.application.connect(host, PORT)
        return connection.session.server if connection else None

    def fail_over(self, *, to: int = 1) -> None:
        """Promote a server; the names do not follow."""
        with self.world.lock:
            self.database.writer = self.database.servers[to]

    def detect(self) -> None:
        """Have a refused write lead to a verdict."""
        for connection in list(self.application.held):
            self.application.write(connection)
        self.application.settle()

    def goes_straight(self, host: str = ENDPOINT) -> bool:
        return self.application.agent.hooks.goes_straight(Address(host, PORT))

    def total(self, metric: names.Metric, *key: str) -> int:
        found = self.application.agent.observations().get(metric.name, {})
        return sum(count for each, count in found.items() if set(key) <= set(each))


@pytest.fixture
def scene_of(monkeypatch):
    made = []

    def scene(**settings: str) -> Scene:
        made.append(Scene(monkeypatch, **settings))
        return made[-1]

    yield scene
    for each in made:
        failures = dict(each.application.agent.shield.failures)
        each.application.stop()
        assert failures == {}


@pytest.fixture
def scene(scene_of):
    return scene_of()


@pytest.fixture
def failed_over(scene):
    """The scene after a verdict, while the names lead to the old writer."""
    scene.connect()
    scene.application.settle()
    scene.fail_over()
    scene.detect()
    return scene


def test_from_the_verdict_on_connects_go_to_the_writer_at_once(failed_over):
    sessions = len(failed_over.world.sessions)
    assert failed_over.connect() is failed_over.database.writer
    assert failed_over.total(names.MISROUTES) == 0
    assert failed_over.total(names.STRAIGHT, "failover") == 1
    assert len(failed_over.world.sessions) <= sessions + 1


def test_a_private_name_goes_the_same_way(scene_of):
    scene = scene_of(writer_endpoints=PRIVATE, instance_endpoints=INSTANCES)
    scene.connect(PRIVATE)
    scene.connect()
    scene.application.settle()
    scene.fail_over()
    scene.detect()
    assert scene.connect(PRIVATE) is scene.database.writer


def test_a_misrouted_connection_is_replaced_without_a_pause(scene):
    scene.connect()
    scene.application.settle()
    scene.fail_over()
    assert scene.connect() is scene.database.writer
    assert scene.total(names.STRAIGHT, "misrouted") == 1


def test_a_connect_that_fails_is_repeated_at_the_writer(scene):
    scene.connect()
    scene.application.settle()
    with scene.world.lock:
        scene.database.servers[0].is_gone = True
        scene.fail_over()
    assert scene.connect() is scene.database.writer
    assert scene.total(names.STRAIGHT) == 1
    assert scene.total(names.FAILURES, "LostError") == 1


def test_a_connect_that_fails_where_the_name_leads_to_the_writer_fails(scene):
    scene.connect()
    scene.application.settle()
    with scene.world.lock:
        scene.database.writer.is_gone = True
    assert scene.connect() is None
    assert scene.total(names.STRAIGHT) == 0
    assert scene.total(names.FAILURES, "LostError") == 1


def test_a_connect_that_fails_by_an_unknown_host_is_counted(scene):
    assert scene.connect("nowhere.example.com") is None
    assert scene.total(names.FAILURES, UNKNOWN, "LostError") == 1


def test_after_a_straight_connect_that_failed_the_next_one_waits_for_a_verdict(
    failed_over, monkeypatch
):
    scene = failed_over
    (cluster,) = {each.current for each in scene.application.agent.clusters}
    # Errors that were no failover, again and again: the next refresh is far away.
    errors = cluster.monitor._paces.errors
    errors._pause = 1e6
    assert errors.next > scene.clock.now() + 1e5
    failures = [LostError()]

    def failing(*args):
        if failures:
            raise failures.pop()
        return plain(*args)

    plain = Driver.open_at
    monkeypatch.setattr(Driver, "open_at", failing)
    # Another one goes by the name, which leads to the old writer: it is replaced.
    assert scene.connect() is scene.database.writer
    assert failures == []
    assert scene.connect() is scene.database.writer


def test_while_errors_are_no_failover_only_a_call_on_a_stale_connection_waits(failed_over):
    (cluster,) = {each.current for each in failed_over.application.agent.clusters}
    monitor = cluster.monitor
    monitor._paces.errors._pause = 1e6
    assert monitor.symptom(Symptom.READ_ONLY, suspect=None).seconds == 0.0
    assert monitor.symptom(Symptom.READ_ONLY, suspect=None, is_stale=True).seconds > 0.0
    assert monitor.symptom(Symptom.READ_ONLY, suspect=None, wait=False, is_stale=True).seconds == 0
    # A host that leads to the writer by now has the next refresh come at once.
    monitor.host_moved()
    assert monitor._paces.errors.next < failed_over.clock.now() + 1e5


def test_a_writer_that_is_gone_by_now_costs_one_connect(failed_over):
    with failed_over.world.lock:
        failed_over.database.servers[1].is_gone = True
        failed_over.fail_over(to=2)
        failed_over.database.dns = failed_over.database.writer
    assert failed_over.connect() is failed_over.database.writer
    assert not failed_over.goes_straight()


def test_a_writer_that_has_no_connection_left_is_no_reason_to_go_to_a_reader(failed_over):
    failed_over.world.has_room = lambda _: False
    assert failed_over.connect() is None
    assert failed_over.goes_straight()


class LimitError(Exception):
    """The application's own time limit."""


@pytest.fixture
def limited(monkeypatch):
    """Has a signal handler of the application interrupt each connect to a network address."""

    def end(*_: object) -> None:
        raise LimitError

    before = signal.signal(signal.SIGUSR1, end)
    monkeypatch.setattr(Driver, "open_at", lambda *_: signal.raise_signal(signal.SIGUSR1))
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("limited")
def test_a_straight_connect_that_the_application_interrupts_says_nothing_of_the_writer(failed_over):
    with pytest.raises(LimitError):
        failed_over.connect()
    assert failed_over.goes_straight()


@pytest.mark.usefixtures("limited")
def test_a_misrouted_connection_that_is_being_replaced_is_interrupted_by_the_application(scene):
    scene.connect()
    scene.application.settle()
    scene.fail_over()
    with pytest.raises(LimitError):
        scene.connect()
    assert scene.goes_straight()


def test_a_writer_that_is_a_reader_by_now_is_dropped_and_no_reader_handed_over(failed_over):
    failed_over.fail_over(to=2)
    with failed_over.world.lock:
        failed_over.database.dns = failed_over.database.writer
    before = {id(each) for each in failed_over.application.held}
    assert failed_over.connect() is failed_over.database.writer
    new = [each for each in failed_over.application.held if id(each) not in before]
    assert [each.session.is_cut for each in new if not each.session.server.is_writer] == [True]


def test_another_clusters_server_at_the_writers_address_is_not_taken_for_it(failed_over):
    server, stranger = failed_over.database.writer, failed_over.other.servers[0]
    with failed_over.world.lock:
        server.address, stranger.address = stranger.address, server.address
        failed_over.database.dns = server
    assert failed_over.connect() is server


def test_once_lookups_lead_to_the_writer_connects_go_by_name_again(failed_over):
    with failed_over.world.lock:
        failed_over.database.dns = failed_over.database.writer

    def is_trusted():
        failed_over.clock.passes(1.0)
        failed_over.application.tick()
        return not failed_over.goes_straight()

    eventually(is_trusted)
    assert failed_over.connect() is failed_over.database.writer
    assert failed_over.total(names.STRAIGHT) == 0


def test_a_name_that_never_follows_is_trusted_at_the_end_of_the_window_and_found_out(failed_over):
    failed_over.clock.passes(200.0)
    assert failed_over.connect() is failed_over.database.writer
    assert failed_over.total(names.STRAIGHT, "misrouted") == 1


def test_a_name_that_never_follows_and_leads_nowhere_any_more_is_found_out_by_a_failed_connect(
    failed_over,
):
    failed_over.clock.passes(200.0)
    with failed_over.world.lock:
        failed_over.database.servers[0].is_gone = True
    # The writer is the known one: no verdict opens a way.
    assert failed_over.connect() is failed_over.database.writer
    assert failed_over.total(names.STRAIGHT, "connect_failed") == 1
    assert failed_over.goes_straight()


def test_a_connect_that_fails_by_an_instances_own_name_is_not_repeated_elsewhere(scene):
    scene.connect()
    scene.application.settle()
    with scene.world.lock:
        scene.database.servers[0].is_gone = True
        scene.fail_over()
    assert scene.connect(f"db0-0.{REGIONS[0]}") is None
    # Nor is the cluster asked where its writer is.
    assert not scene.goes_straight()
    assert scene.total(names.STRAIGHT) == 0
    assert scene.total(names.FAILURES, "LostError") == 1


@pytest.mark.parametrize("settings", [{"mode": "observe"}, {"straight_connects": "off"}])
def test_nothing_goes_straight_where_a_setting_forbids_it(scene_of, settings):
    scene = scene_of(**settings)
    scene.connect()
    scene.application.settle()
    scene.fail_over()
    scene.detect()
    assert scene.connect() is scene.database.servers[0]
    assert scene.total(names.STRAIGHT) == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", f"db0-0.{REGIONS[0]}", f"cluster0.cluster-ro-{REGIONS[0]}"]
)
def test_what_the_application_leads_elsewhere_itself_stays_there(failed_over, host):
    assert failed_over.goes_straight()
    assert not failed_over.goes_straight(host)


def test_the_spelling_of_a_name_makes_no_difference(failed_over):
    assert failed_over.goes_straight(f"{ENDPOINT.upper()}.")


@pytest.fixture
def named(scene, monkeypatch):
    """Has instances name a writer that the agent is not to ask yet, after a failover."""
    scene.connect()
    scene.application.settle()
    scene.fail_over()

    def named(server: int) -> None:
        name = f"db0-{server}"
        monkeypatch.setattr(ClusterMonitor, "named_writer", lambda *_: name)

    return named


def test_a_connect_that_fails_is_repeated_at_the_writer_that_is_named(scene, named):
    named(1)
    with scene.world.lock:
        scene.database.servers[0].is_gone = True
    assert scene.connect() is scene.database.writer
    assert scene.total(names.STRAIGHT, "connect_failed") == 1


def test_a_misrouted_connection_is_replaced_by_one_to_the_writer_that_is_named(scene, named):
    named(1)
    assert scene.connect() is scene.database.writer
    assert scene.total(names.STRAIGHT, "misrouted") == 1
    assert scene.total(names.MISROUTES) == 1


def test_one_that_is_named_and_is_no_writer_costs_one_connect(scene, named):
    named(2)
    with scene.world.lock:
        scene.database.servers[0].is_gone = True
    assert scene.connect() is None
    assert scene.total(names.STRAIGHT) == 0
    tried = scene.database.servers[2]
    ends = [each.session for each in scene.application.held if each.session.server is tried]
    assert [each.is_cut for each in ends] == [True]


def test_where_no_login_is_due_a_misrouted_connection_says_itself_where_the_writer_is(
    scene, monkeypatch
):
    scene.connect()
    scene.application.settle()
    monkeypatch.setattr(LoginPace, "may_log_in", lambda *_: False)
    scene.fail_over()
    scene.detect()
    assert not scene.goes_straight()
    assert scene.connect() is scene.database.writer
    assert scene.total(names.STRAIGHT, "misrouted") == 1
