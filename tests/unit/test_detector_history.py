"""Random histories of a cluster against the plain words of the design."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aurora_otel.model.detector import Cause, Detector, Pace
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Role, Verdict
from tests.unit.test_detector import Connection

INSTANCES = ("a", "b", "c")
instances = st.sampled_from(INSTANCES)


class History(RuleBasedStateMachine):
    """The writer moves as it likes; symptoms, views and verdicts reach the detector, or do not."""

    @initialize(writer=instances)
    def begin(self, writer):
        self.detector = Detector(Pace(180.0, 1.0), lambda: 0.5)
        self.now = 0.0
        self.real = writer
        self.known = None
        self.introduced = None
        self.known_since = {}  # by instance: the times in which it was known as the writer
        self.changes = 0
        self.last_change = float("-inf")
        self.latest_reading = float("-inf")
        self.connections = []
        self.cleaned_up = set()
        self.readings = []

    @rule(seconds=st.sampled_from([0.001, 0.5, 30.0, 400.0]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(writer=instances)
    def the_writer_moves(self, writer):
        self.now += 0.001
        self.real = writer

    @rule(kind=st.sampled_from(list(EndpointType)), instance=instances | st.none())
    def a_connection_is_opened(self, kind, instance):
        self.now += 0.001
        role = Role.UNKNOWN
        if instance is not None:
            role = Role.WRITER if instance == self.real else Role.READER
        self.connections.append(Connection(kind, instance, role, self.now))
        if role is Role.WRITER:
            self.detector.introduce(instance, self.now)
            if self.known is None:
                self.introduced = (instance, self.now)
                self.learn(instance)

    @rule(kind=st.sampled_from(list(Symptom)), number=st.integers(0, 50))
    def a_symptom_is_seen(self, kind, number):
        writer = self.detector.writer
        self.detector.symptom(kind, self.now)
        if kind is Symptom.READ_ONLY and self.connections:
            self.connections[number % len(self.connections)].refused = True
        assert self.detector.window_open(self.now)
        assert self.detector.writer == writer

    @rule()
    def a_refresh_begins(self):
        self.now += 0.001
        self.readings.append(Verdict(self.real, INSTANCES, self.now))

    @precondition(lambda self: self.readings)
    @rule(number=st.integers(0, 5))
    def a_refresh_ends_with_a_verdict(self, number):
        self.now += 0.001
        verdict = self.readings.pop(number % len(self.readings))
        before = self.known
        ruling = self.detector.judge(verdict)
        if verdict.began < self.latest_reading or self.is_doubtful(verdict):
            assert ruling is None
            return
        self.latest_reading = verdict.began
        self.introduced = None
        other = before is not None and before != verdict.writer
        assert ruling.old_writer == (before if other else None)
        if other:
            self.changes += 1
            self.last_change = verdict.began
        if before != verdict.writer:
            self.learn(verdict.writer, verdict.began)
        self.clean_up(verdict)

    @rule()
    def a_refresh_ends_without_a_verdict(self):
        self.detector.refreshed(self.now, confirmed=False)
        self.readings = self.readings[1:]

    def is_doubtful(self, verdict):
        """Return whether another instance has introduced itself since the reading began."""
        if self.introduced is None:
            return False
        instance, at = self.introduced
        return instance != verdict.writer and verdict.began < at

    def learn(self, writer, at=None):
        at = self.now if at is None else at
        if self.known is not None:
            since, _ = self.known_since[self.known][-1]
            self.known_since[self.known][-1] = (since, at)
        self.known = writer
        self.known_since.setdefault(writer, []).append((at, float("inf")))

    def clean_up(self, verdict):
        """Act on a verdict, as the tracker does."""
        for connection in list(self.connections):
            if connection.opened_at < verdict.began and self.detector.staleness(connection):
                assert connection.instance != verdict.writer
                self.connections.remove(connection)
                assert connection.endpoint_type is not EndpointType.READER
        # A missed failover, two in a row, a failback: nothing of them is left.
        for connection in self.connections:
            if connection.endpoint_type is EndpointType.WRITER and connection.instance is not None:
                late = connection.opened_at >= verdict.began
                assert late or connection.instance == verdict.writer

    def was_writer_while_open(self, connection):
        times = self.known_since.get(connection.instance, [])
        return connection.role is Role.WRITER or any(
            until > connection.opened_at for _, until in times
        )

    @invariant()
    def the_writer_is_what_a_verdict_said_or_who_introduced_itself(self):
        assert self.detector.writer == self.known
        assert self.detector.changes == self.changes

    @invariant()
    def staleness_is_what_the_design_says(self):
        for connection in self.connections:
            assert (self.detector.staleness(connection) is not None) is self.is_stale(connection)
            if self.detector.staleness(connection) is Cause.WRITE_REFUSED:
                assert connection.refused

    def is_stale(self, connection):
        if self.known is None or connection.instance in (None, self.known):
            return False
        refused_since = connection.refused and self.last_change > connection.opened_at
        return {
            EndpointType.WRITER: True,
            EndpointType.INSTANCE: self.was_writer_while_open(connection) or refused_since,
            EndpointType.CUSTOM: self.was_writer_while_open(connection) or refused_since,
            EndpointType.OTHER: self.was_writer_while_open(connection) or connection.refused,
            EndpointType.READER: False,
            EndpointType.PROXY: False,
        }[connection.endpoint_type]


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
