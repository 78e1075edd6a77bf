"""Which errors of calls get a note: those that a failover is the cause of."""

import sys
from types import SimpleNamespace

import pytest

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.drivers.protocol import Failure
from aurora_otel.hooks.explanations import Before, Explanations
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.settings import Settings
from aurora_otel.tracking.track import State
from aurora_otel.tracking.tracker import Tracker
from tests.support.sql import notes_of
from tests.support.tracks import Connection, judge, new_cluster, new_track

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")

REFUSED = Failure(Symptom.READ_ONLY, lost=False)
LOST = Failure(Symptom.CONNECTION_LOST, lost=True)
DECIDED = "b confirmed itself as the writer 2.00 s ago"
UNDECIDED = "no writer has confirmed itself since the first symptom, 2.00 s ago"


class Application:
    """A connection to `a`, the writer of a cluster, and an error on it two seconds later."""

    def __init__(self, *, kind=EndpointType.WRITER, instance="a", mode="cleanup"):
        self.cluster = new_cluster()
        self.cluster.source = AuroraPostgreSQL()
        self.cluster.monitor = self
        self.login_rejected = False
        self.answers = False
        self.connection = Connection()
        self.track = new_track(
            Tracker(), self.cluster, self.connection, kind=kind, instance=instance, at=1000.0
        )
        config = SimpleNamespace(settings=Settings.resolve({"mode": mode}, {}))
        self.now = 1002.0
        self.explanations = Explanations(AgentContext(config, None, None, lambda: self.now))

    def answered_since(self, moment):
        return self.answers

    def explained(self, failure, *, was_shut_down=False):
        """Return what the note on an error says, after what it is about."""
        error = RuntimeError("the driver's own")
        before = Before(self.now, was_shut_down=was_shut_down)
        self.explanations.explain(error, self.track, failure, before)
        return [note.partition(": ")[2] for note in notes_of(error)]


def test_what_a_new_writer_made_stale_is_explained_by_it():
    application = Application()
    judge(application.cluster, "b", 1000.0 + 1e-9)
    place = "(cluster orders, instance a, role reader)"
    assert application.explained(REFUSED) == [f"write refused {place}: {DECIDED}"]
    assert application.explained(LOST) == [f"connection lost {place}: {DECIDED}"]
    application.track.state = State.INVALIDATED
    (note,) = application.explained(REFUSED)
    assert note.endswith(f"{DECIDED}; this connection has been shut down")
    expected = f"connection was shut down as stale {place}: {DECIDED}"
    assert application.explained(LOST, was_shut_down=True) == [expected]
    assert application.explained(Failure(None, lost=True), was_shut_down=True) == [expected]


def test_a_misrouted_connection_that_was_opened_after_the_change_is_explained_too():
    application = Application(instance="c")
    judge(application.cluster, "b", 900.0)
    judge(application.cluster, "b", 1000.0)
    place = "(cluster orders, instance c, role reader)"
    assert application.explained(REFUSED) == [f"write refused {place}: {DECIDED}"]


def test_the_new_writers_own_lost_connections_are_explained_for_a_while():
    application = Application(kind=EndpointType.INSTANCE, instance="b")
    judge(application.cluster, "b", 1000.0 + 1e-9)
    (note,) = application.explained(LOST)
    assert note == f"connection lost (cluster orders, instance b, role writer): {DECIDED}"
    assert application.explained(REFUSED) == []
    application.now += 3600
    assert application.explained(LOST) == []


def test_where_nothing_is_decided_yet_the_note_says_so():
    application = Application()
    application.cluster.detector.symptom(Symptom.CONNECTION_LOST, 1000.0)
    (note,) = application.explained(LOST)
    assert note == f"connection lost (cluster orders, instance a, role writer): {UNDECIDED}"


@pytest.mark.parametrize(
    "change",
    [
        lambda application: setattr(application, "answers", True),
        lambda application: setattr(application, "login_rejected", True),
        lambda application: setattr(application.cluster, "source", None),
        lambda application: setattr(application.track, "closed", True),
        lambda application: setattr(application.track, "endpoint_type", EndpointType.READER),
        lambda application: setattr(application.track, "endpoint_type", EndpointType.PROXY),
        lambda application: judge(application.cluster, "a", 1001.0),
    ],
)
def test_an_error_that_has_to_do_with_no_failover_gets_no_note(change):
    application = Application()
    application.cluster.detector.symptom(Symptom.CONNECTION_LOST, 1000.0)
    assert application.explained(LOST)
    change(application)
    assert application.explained(LOST) == []


def test_an_error_that_is_no_symptom_gets_no_note():
    application = Application()
    judge(application.cluster, "b", 1000.0 + 1e-9)
    assert application.explained(Failure(None, lost=False)) == []


def test_in_observe_mode_no_error_gets_a_note():
    application = Application(mode="observe")
    judge(application.cluster, "b", 1000.0 + 1e-9)
    assert application.explained(REFUSED) == []


def explained_connect(application):
    """Return what the note on the error of a connect says, after what it is about."""
    error = RuntimeError("the driver's own")
    application.explanations.explain_connect(error, application.cluster, application.now)
    return [note.partition(": ")[2] for note in notes_of(error)]


def test_a_connect_that_fails_after_a_change_of_the_writer_is_explained_for_a_while():
    application = Application()
    assert explained_connect(application) == []
    judge(application.cluster, "b", 1000.0)
    assert explained_connect(application) == [f"connect failed (cluster orders): {DECIDED}"]
    application.now += 3600
    assert explained_connect(application) == []


def test_a_connect_that_fails_while_no_writer_confirms_itself_says_so():
    application = Application()
    application.cluster.detector.symptom(Symptom.CONNECT_FAILED, 1000.0)
    assert explained_connect(application) == [f"connect failed (cluster orders): {UNDECIDED}"]
    application.answers = True
    assert explained_connect(application) == []


def test_in_observe_mode_no_connects_error_gets_a_note():
    application = Application(mode="observe")
    judge(application.cluster, "b", 1000.0)
    assert explained_connect(application) == []
