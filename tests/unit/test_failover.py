"""A failover is reported with its own first symptom, and lasts what the monotonic clock says."""

import time
from types import SimpleNamespace

import pytest
from opentelemetry.context import Context, set_value

from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Reading, Source, Verdict
from aurora_otel.model.window import FirstSymptom
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.failover import FailoverHandler
from aurora_otel.settings import Settings
from aurora_otel.telemetry import names
from aurora_otel.telemetry.reports import RefreshReport
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import new_cluster

HOUR = 3600.0
# The wall clock where the monotonic one is at zero, in nanoseconds since the epoch.
EPOCH = 1_700_000_000_000_000_000
MEMBERS = ("a", "b", "c")


class Handler:
    """The handler of a cluster whose writer is `a`, by a clock that the test sets."""

    def __init__(self):
        self.now = 1000.0
        config = SimpleNamespace(settings=Settings.resolve({}, {}))
        self.cluster = new_cluster()
        context = AgentContext(config, Tracker(), None, lambda: self.now)
        self.handler = FailoverHandler(self.cluster, context)

    def read(self, writer):
        began = self.now
        self.now += 0.5
        verdict = Verdict(writer, MEMBERS, began)
        reading = Reading(Source.SQL, began, writer, MEMBERS, verdict)
        return self.handler.apply(reading, FirstSymptom(Symptom.TOPOLOGY, began, Context()))


@pytest.fixture
def handler(monkeypatch):
    made = Handler()
    monkeypatch.setattr(time, "time_ns", lambda: EPOCH + round(made.now * 1e9))
    return made


def lasted(failover):
    return (failover.clean_up.ended - failover.reference.began) / 1e9


def test_a_failover_has_the_symptom_that_the_detector_took_note_of(handler):
    detector = handler.cluster.detector
    detector.symptom(Symptom.CONNECTION_LOST, handler.now, set_value("call", 1, Context()))
    handler.read("b")
    handler.now += HOUR
    # Noted, and not a step further: a verdict of another thread's refresh comes in between.
    detector.symptom(Symptom.READ_ONLY, handler.now, set_value("call", 2, Context()))
    failover = handler.read("a")
    assert failover.attributes[names.SYMPTOM] == "read_only"
    assert failover.origin.context == {"call": 2}
    assert failover.detection == pytest.approx(0.5)
    assert lasted(failover) == pytest.approx(0.5)


def test_a_failover_without_a_symptom_is_traced_to_its_own_refresh(handler):
    handler.cluster.detector.symptom(Symptom.READ_ONLY, handler.now, Context())
    handler.read("b")
    handler.now += HOUR
    failover = handler.read("a")
    assert failover.attributes[names.SYMPTOM] == "topology"
    assert failover.detection == pytest.approx(0.5)


def test_a_symptom_that_came_while_the_topology_was_read_is_detected_at_once(handler):
    handler.cluster.detector.symptom(Symptom.READ_ONLY, handler.now + 0.6, Context())
    assert handler.read("b").detection == 0.0


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_wall_clock_that_is_set_meanwhile_changes_no_duration(handler, monkeypatch, jump):
    before = time.time_ns
    handler.cluster.detector.symptom(Symptom.READ_ONLY, handler.now, Context())
    monkeypatch.setattr(time, "time_ns", lambda: before() + round(jump * 1e9))
    failover = handler.read("b")
    assert failover.detection == pytest.approx(0.5)
    assert failover.clean_up.seconds == 0.0
    assert failover.reference.began < failover.clean_up.decided
    assert lasted(failover) == pytest.approx(0.5)
    assert (failover.refresh.ended - failover.refresh.began) / 1e9 == pytest.approx(0.5)


def test_a_verdict_of_the_same_writer_reports_a_refresh_alone(handler):
    assert isinstance(handler.read("a"), RefreshReport)
