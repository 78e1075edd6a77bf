"""A new connection: which one the application gets, and as what it is tracked."""

from __future__ import annotations

import functools

import pytest

from aurora_otel import agent
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.model.topology import Role
from aurora_otel.runtime import blocking
from aurora_otel.runtime.effects import Wait
from tests.histories import driver
from tests.histories.application import Application, Time
from tests.histories.driver import Driver, LostError
from tests.histories.world import REGIONS, Session, World

ENDPOINT = f"cluster0.cluster-{REGIONS[0]}"
PORT = 5432


class Scene:
    """One cluster of two, and an application that connects to it.

    Attributes:
        sessions: what was opened at the servers, the oldest first.
    """

    def __init__(self, patched: pytest.MonkeyPatch) -> None:
        self.world = World([2, 1])
        self.database, _ = self.world.databases
        self.patched = patched
        clock = Time()
        patched.setattr(agent, "_clock", clock.now)
        # A machine that stands still for seconds is no slow server.
        patched.setattr(clock, "speed", 1.0)
        patient = {"refresh_timeout": "60", "identify_timeout": "60"}
        self.application = Application(self.world, clock, patient)
        self.application.watch(patched)
        self.failures = self.application.agent.shield.failures
        self.sessions: list[Session] = []
        patched.setattr(driver, "Session", self._open)

    def _open(self, *where):
        self.sessions.append(Session(*where))
        return self.sessions[-1]

    @property
    def tracks(self):
        running = self.application.agent
        return [track for each in running.clusters for track in running.tracker.tracks(each)]

    def connect(self):
        return self.application.connect(ENDPOINT, PORT)

    def once(self, method, error, *, before=lambda: None):
        """Have the driver's `method` do something and raise `error`, once."""
        plain, errors = getattr(Driver, method), [error]

        @functools.wraps(plain)
        def failing(*args):
            if errors:
                before()
                raise errors.pop()
            return plain(*args)

        self.patched.setattr(Driver, method, failing)


@pytest.fixture
def scene(monkeypatch):
    scene = Scene(monkeypatch)
    yield scene
    scene.application.stop()


def test_a_connection_is_tracked_as_one_to_the_instance_that_it_landed_on(scene):
    connection = scene.connect()
    (track,) = scene.tracks
    assert getattr(connection, ATTRIBUTE) is track
    assert (track.instance, track.group.role) == (scene.database.writer.name, Role.WRITER)
    assert track.group.driver == "psycopg"
    assert track.peer == scene.database.writer.address
    assert len(scene.sessions) == 1


def test_a_connection_that_is_lost_over_the_question_is_replaced(scene):
    scene.once("ask", TimeoutError())
    connection = scene.connect()
    lost, kept = scene.sessions
    assert (connection.session, lost.is_cut, kept.is_cut) == (kept, True, False)
    assert [track() for track in scene.tracks] == [connection]
    assert scene.failures == {}


def test_what_connecting_again_meets_is_the_applications(scene):
    def delete():
        scene.database.writer.is_gone = True

    scene.once("ask", TimeoutError(), before=delete)
    assert scene.connect() is None
    assert [each.is_cut for each in scene.sessions] == [True]
    assert scene.tracks == []


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_passed_on_and_leaves_no_connection_behind(scene, interrupt):
    scene.once("ask", interrupt())
    with pytest.raises(interrupt):
        scene.connect()
    assert [each.is_cut for each in scene.sessions] == [True]
    assert scene.tracks == []


def test_a_tracked_connection_that_is_given_up_for_an_interrupt_counts_as_closed(scene):
    scene.connect()
    database = scene.database
    database.dns = database.servers[1]
    scene.world.promote(database, database.dns)

    def interrupted(effect):
        if isinstance(effect, Wait):
            raise KeyboardInterrupt
        return plain(effect)

    plain = blocking._wait_for
    scene.patched.setattr(blocking, "_wait_for", interrupted)
    # Its server's word is not what is known: the connect waits for a verdict.
    with pytest.raises(KeyboardInterrupt):
        scene.connect()
    # Behind the application's there may be the refresh's own by now.
    assert scene.sessions[1].is_cut
    tracker = scene.application.agent.tracker
    tracker.drain()
    totals = [(book.opens, book.closes) for book in tracker.books.values() if book.closes]
    assert totals == [(1, 1)]


def test_a_refused_question_leaves_the_connection_as_it_is(scene):
    scene.once("ask", LostError())
    connection = scene.connect()
    assert [connection.session] == scene.sessions
    assert not connection.session.is_cut
    (track,) = scene.tracks
    assert track.instance is None


@pytest.mark.parametrize("method", ["mark", "fileno"])
def test_a_connection_that_cannot_be_tracked_is_the_applications_all_the_same(scene, method):
    scene.once(method, LookupError())
    connection = scene.connect()
    assert not connection.session.is_cut
    assert scene.tracks == []
    assert scene.failures == {"track a connection: LookupError": 1}
    another = scene.connect()
    assert [track() for track in scene.tracks] == [another]
