"""Random readings of a topology: each change of the writer is one failover and one clean-up."""

from collections import Counter
from types import SimpleNamespace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from opentelemetry.context import Context

from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.groups import Outcome
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Reading, Source, Verdict
from aurora_otel.model.window import FirstSymptom
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.failover import FailoverHandler
from aurora_otel.settings import Settings
from aurora_otel.telemetry.reports import FailoverReport, RefreshReport
from aurora_otel.tracking.tracker import Tracker
from tests.support.tracks import Connection, is_balanced, new_cluster, opened

INSTANCES = ("a", "b", "c")
instances = st.sampled_from(INSTANCES)


class Readings(RuleBasedStateMachine):
    """Symptoms, views and verdicts arrive in any order; verdicts may be late."""

    @initialize(mode=st.sampled_from(["cleanup", "observe"]))
    def begin(self, mode):
        self.now = 1.0
        self.mode = mode
        self.failovers = []
        self.tracker = Tracker()
        self.cluster = new_cluster(writer=None)
        config = SimpleNamespace(settings=Settings.resolve({"mode": mode}, {}))
        context = AgentContext(config, self.tracker, None, lambda: self.now)
        self.handler = FailoverHandler(self.cluster, context)
        self.connections = []
        self.writers = []  # that verdicts named, without repetitions
        self.latest = 0.0
        self.pending = []
        self.counts = Counter()

    @rule(instance=instances | st.none(), kind=st.sampled_from(list(EndpointType)))
    def open_(self, instance, kind):
        self.now += 1
        connection = Connection()
        track = opened(
            self.tracker, self.cluster, connection, instance=instance, kind=kind, at=self.now
        )
        self.connections.append((connection, track))

    @rule(kind=st.sampled_from(list(Symptom)))
    def see_a_symptom(self, kind):
        self.now += 1
        self.cluster.detector.symptom(kind, self.now, Context())

    def first_symptom(self):
        return FirstSymptom(Symptom.TOPOLOGY, self.now, Context())

    @rule(named=instances | st.none())
    def read_a_view_that_is_not_confirmed(self, named):
        self.now += 1
        before = self.cluster.detector.writer
        reading = Reading(Source.SQL, self.now, named, INSTANCES, error="TimeoutError")
        assert isinstance(self.handler.apply(reading, self.first_symptom()), RefreshReport)
        assert self.cluster.detector.writer == before

    @rule(writer=instances)
    def begin_a_refresh_that_is_confirmed(self, writer):
        self.now += 1
        self.pending.append(Verdict(writer, INSTANCES, self.now))

    @precondition(lambda self: self.pending)
    @rule(number=st.integers(0, 9), twice=st.booleans())
    def end_a_refresh(self, number, twice):
        self.now += 1
        verdict = self.pending.pop(number % len(self.pending))
        reading = Reading(Source.SQL, verdict.began, verdict.writer, INSTANCES, verdict)
        for _ in range(1 + twice):
            late = verdict.began < self.latest
            changed = not late and self.writers[-1:] != [verdict.writer]
            report = self.handler.apply(reading, self.first_symptom())
            is_failover = isinstance(report, FailoverReport)
            assert is_failover is (changed and bool(self.writers))
            self.failovers += [report] * is_failover
            self.latest = max(self.latest, verdict.began)
            if changed:
                self.writers.append(verdict.writer)
            for each in () if isinstance(report, RefreshReport) else report.clean_up.invalidations:
                self.counts[each.track, len(self.writers)] += 1
                assert each.track.instance not in {None, verdict.writer}
                assert (each.outcome is Outcome.OBSERVED) is (self.mode == "observe")

    @invariant()
    def each_change_is_one_failover(self):
        changes = max(0, len(self.writers) - 1)
        assert len(self.failovers) == changes
        assert self.cluster.failovers.total() == changes

    @invariant()
    def no_connection_is_counted_twice_for_one_change_or_without_a_verdict(self):
        assert set(self.counts.values()) <= {1}
        assert is_balanced(self.tracker, self.cluster)


TestReadings = Readings.TestCase
TestReadings.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
