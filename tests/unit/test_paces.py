"""How one cluster's refreshes and logins are paced by what the process has lost."""

import socket

import pytest
from opentelemetry.context import Context

from aurora_otel.discovery.identify import Kind, Server
from aurora_otel.model.endpoints import Address, Endpoint, EndpointType
from aurora_otel.model.pace import LOGINS_PER_SECOND, SPREAD
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.paces import MASS, Paces
from aurora_otel.monitoring.requests import Trigger
from aurora_otel.runtime import sockets
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, new_cluster, opened

NOW = 100.0
HOST = Address("orders.internal", 5432)
OTHER = Address("orders-too.internal", 5432)


class Process:
    """The connections of one process to one cluster, and when it may log in."""

    def __init__(self, patched):
        self.tracker = Tracker()
        self.cluster = new_cluster()
        self.context = AgentContext(None, self.tracker, None, lambda: NOW)
        self.paces = Paces(self.cluster, self.context)
        # So it is the latest moment.
        patched.setattr(self.paces.logins, "_random", lambda: 1.0)
        self.held = []

    def open(self, host=HOST, instance="a"):
        """Open a connection; return the server's end."""
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
        self.held += [connection, ours, theirs]
        return theirs

    def allows(self, connections, host=HOST):
        server = Server(Kind.INSTANCE, max_connections=connections)
        self.context.servers.learn(host, server, NOW)

    def seconds_until_login(self):
        """Return for how long a lost connection's refresh keeps the agent from logging in."""
        self.cluster.detector.symptom(Symptom.CONNECTION_LOST, NOW)
        self.paces.refreshing(Trigger(Context(), "a"), NOW)
        moments = (step / 100 for step in range(2000))
        return next(each for each in moments if self.paces.logins.may_log_in("b", NOW + each))


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
