"""How one cluster's refreshes and logins are paced by what the process has lost."""

import socket
from collections import deque
from types import SimpleNamespace

import pytest
from opentelemetry.context import Context

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.discovery.identify import Kind, Server
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure
from aurora_otel.hooks.call_errors import CallErrors
from aurora_otel.hooks.checkouts import Checkouts
from aurora_otel.hooks.rounds import Rounds
from aurora_otel.model.endpoints import Address, Endpoint, EndpointType
from aurora_otel.model.pace import LOGINS_PER_SECOND, SPREAD
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.paces import MASS, Paces
from aurora_otel.monitoring.requests import RefreshOutcome, Trigger
from aurora_otel.runtime import sockets
from aurora_otel.settings import Settings
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, new_cluster, opened

NOW = 100.0
HOST = Address("orders.internal", 5432)
OTHER = Address("orders-too.internal", 5432)


class Process:
    """The connections of one process to one cluster, and when it may log in; also its monitor."""

    def __init__(self, patched):
        self.now = NOW
        self.tracker = Tracker()
        self.cluster = new_cluster()
        self.cluster.source = AuroraPostgreSQL()
        self.cluster.monitor = self
        shield = SimpleNamespace(run=lambda _, action, *args: action(*args))
        config = SimpleNamespace(settings=Settings.resolve({}, {}), shield=shield)
        clusters = SimpleNamespace(registry=None)
        self.context = AgentContext(config, self.tracker, clusters, lambda: self.now)
        self.paces = Paces(self.cluster, self.context)
        # So it is the latest moment.
        patched.setattr(self.paces.logins, "_random", lambda: 1.0)
        self.lost = self.paces.lost
        self.suspects = []
        self.held = []

    def open(self, host=HOST, instance="a"):
        """Open a connection; return the server's end."""
        _, _, theirs = self.connect(host, instance)
        return theirs

    def connect(self, host=HOST, instance="a"):
        """Return a connection's track and both ends."""
        ours, theirs = socket.socketpair()
        connection = Connection()
        track = opened(
            self.tracker,
            self.cluster,
            connection,
            instance=instance,
            endpoint=host and Endpoint(host, EndpointType.WRITER),
        )
        track.socket = sockets.identify(ours.fileno())
        setattr(connection, ATTRIBUTE, track)
        self.held += [connection, ours, theirs]
        return track, ours, theirs

    def allows(self, connections, host=HOST):
        server = Server(Kind.INSTANCE, max_connections=connections)
        self.context.servers.learn(host, server, NOW)

    def symptom(self, kind, *, suspect, wait=True, is_stale=False):
        self.cluster.detector.symptom(kind, self.now)
        self.suspects.append(suspect)

    def refresh(self):
        """Begin what the first symptom asked for."""
        self.paces.refreshing(Trigger(Context(), self.suspects[0]), self.now)

    def answered_since(self, _):
        return False

    def refreshed(self):
        """End a refresh in which the writer confirmed itself."""
        outcome = RefreshOutcome(self.now, confirmed=True, changed=False)
        self.paces.refreshed(Trigger(Context()), outcome, self.now)

    def seconds_until_login(self):
        """Return for how long a lost connection's refresh keeps the agent from logging in."""
        self.suspects.clear()
        self.symptom(Symptom.CONNECTION_LOST, suspect="a")
        self.refresh()
        return self.seconds_left()

    def seconds_left(self):
        moments = (step / 100 for step in range(2000))
        return next(each for each in moments if self.paces.logins.may_log_in("b", self.now + each))


@pytest.fixture
def process(monkeypatch):
    process = Process(monkeypatch)
    yield process
    for each in process.held:
        if isinstance(each, socket.socket):
            each.close()


def lose(process, *hosts):
    for each in [process.open(host) for host in hosts]:
        each.close()


def test_where_few_are_lost_it_may_be_this_process_alone(process):
    process.allows(LOGINS_PER_SECOND * MASS)
    lose(process, *[HOST] * (MASS - 1))
    process.open()
    process.open(instance="b").close()
    assert process.seconds_until_login() == 0.0


@pytest.mark.parametrize("seconds", [0.25, 3.3, 5.0])
def test_logins_are_spread_for_all_whom_the_server_has_room_for(process, seconds):
    process.allows(round(seconds * LOGINS_PER_SECOND * MASS))
    lose(process, *[HOST] * MASS)
    assert process.seconds_until_login() == pytest.approx(seconds, abs=0.02)


@pytest.mark.parametrize("limit", [None, 9_999_999])
def test_where_a_server_does_not_say_how_many_it_allows_there_may_be_thousands(process, limit):
    process.allows(limit)
    lose(process, *[HOST] * MASS)
    assert process.seconds_until_login() == pytest.approx(SPREAD, abs=0.02)


def test_connections_that_cannot_be_asked_say_nothing_of_their_server(process):
    process.allows(300)
    lose(process, *[None] * MASS)
    assert process.seconds_until_login() == pytest.approx(SPREAD, abs=0.02)


def test_of_two_names_the_one_whose_server_allows_more_counts(process):
    process.allows(300)
    process.allows(round(2 * LOGINS_PER_SECOND * MASS), OTHER)
    lose(process, HOST, HOST, OTHER)
    assert process.seconds_until_login() == pytest.approx(2.0, abs=0.02)


def test_where_it_was_not_asked_the_largest_server_of_the_cluster_counts(process):
    process.cluster.note_limit(round(2 * LOGINS_PER_SECOND * MASS))
    process.cluster.note_limit(300)
    process.cluster.note_limit(None)
    lose(process, *[OTHER] * MASS)
    assert process.seconds_until_login() == pytest.approx(2.0, abs=0.02)


def test_what_a_server_says_counts_before_what_others_say(process):
    process.cluster.note_limit(round(2 * LOGINS_PER_SECOND * MASS))
    process.allows(round(LOGINS_PER_SECOND * MASS))
    lose(process, *[HOST] * MASS)
    assert process.seconds_until_login() == pytest.approx(1.0, abs=0.02)


# What sees that connections are lost. Nothing shows it any more when the refresh begins.

LOST = Failure(Symptom.CONNECTION_LOST, lost=True)
ASKS_NOTHING = SimpleNamespace(identify=lambda *_, **__: ())


def rounds(process, deferred=()):
    drivers = {"psycopg": SimpleNamespace(is_closed=lambda _: False)}
    return Rounds(process.context, drivers, deque(deferred))


def by_the_background_loop(process, lost):
    rounds(process)._prune_cluster(process.cluster)


def by_calls(process, lost, *, may_wait=True):
    errors = CallErrors(process.context, ASKS_NOTHING, lambda: None)
    for track, end in lost:
        end.close()
        for _ in errors.respond(track, LOST, may_wait=may_wait):
            pass
    rounds(process, errors.deferred)._respond_to_deferred()


def by_calls_that_may_not_wait(process, lost):
    by_calls(process, lost, may_wait=False)


def by_an_event_loop(process, lost):
    errors = CallErrors(process.context, ASKS_NOTHING, lambda: None)
    for track, end in lost:
        errors.hung_up(track)
        end.close()
    rounds(process, errors.deferred)._respond_to_deferred()


def by_a_pool(process, lost):
    for track, end in lost:
        for _ in Checkouts(process.context, ASKS_NOTHING)._judge(track()):
            pass
        end.close()


WAYS = [
    by_the_background_loop,
    by_calls,
    by_calls_that_may_not_wait,
    by_an_event_loop,
    by_a_pool,
]


def lost_by(process, way, count=MASS):
    lost = [process.connect() for _ in range(count)]
    for _, _, theirs in lost:
        theirs.close()
    way(process, [(track, ours) for track, ours, _ in lost])
    process.refresh()


@pytest.mark.parametrize("way", WAYS)
def test_what_was_lost_counts_whatever_sees_it_first(process, way):
    process.allows(round(LOGINS_PER_SECOND * MASS))
    process.open(instance="b").close()
    lost_by(process, way)
    assert process.seconds_left() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("way", WAYS)
def test_what_was_lost_counts_once(process, way):
    process.allows(round(LOGINS_PER_SECOND * MASS))
    lost_by(process, way, MASS - 1)
    assert process.seconds_left() == 0.0


def test_a_driver_may_have_seen_it_and_not_said_it_yet(process):
    process.allows(round(LOGINS_PER_SECOND * MASS))
    for _, ours, theirs in [process.connect() for _ in range(MASS)]:
        theirs.close()
        ours.close()
    assert process.seconds_until_login() == pytest.approx(1.0, abs=0.02)


def test_some_are_seen_by_one_and_some_by_another(process):
    process.allows(round(LOGINS_PER_SECOND * MASS))
    lose(process, HOST)
    (seen, _, _), *_ = lost = [process.connect() for _ in range(MASS - 1)]
    for _, ours, theirs in lost:
        theirs.close()
        ours.close()
    process.lost(track for track, _, _ in lost)
    process.lost([seen])
    assert process.seconds_until_login() == pytest.approx(1.0, abs=0.02)


def test_what_a_verdict_has_explained_counts_no_more(process):
    process.allows(round(LOGINS_PER_SECOND * MASS))
    lost_by(process, by_calls)
    process.refreshed()
    assert process.seconds_until_login() == 0.0


@pytest.mark.parametrize(("later", "seconds"), [(2.0, 1.0), (4.0, 0.0)])
def test_what_was_lost_long_ago_was_not_lost_at_once(process, later, seconds):
    process.allows(round(LOGINS_PER_SECOND * MASS))
    process.lost([process.connect()[0] for _ in range(MASS)])
    process.now += later
    assert process.seconds_until_login() == pytest.approx(seconds, abs=0.02)
