"""Explanations: a note on each error that reaches the application because of a failover."""

from __future__ import annotations

from typing import NamedTuple

from aurora_otel.drivers.protocol import Failure
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.settings import Mode
from aurora_otel.telemetry import notes
from aurora_otel.telemetry.notes import Decision, Event, Incident
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import Track


class Before(NamedTuple):
    """What was so when an error was met, before anything was done about it.

    Attributes:
        began: when that was, in seconds of the monotonic clock.
        was_shut_down: whether the agent had shut the connection down.
    """

    began: float
    was_shut_down: bool


class Explanations:
    """Says on exceptions what they have to do with a failover.

    Args:
        context: what it works with.
    """

    def __init__(self, context: AgentContext) -> None:
        self._context = context

    def explain(
        self,
        error: BaseException,
        track: Track,
        failure: Failure,
        before: Before,
    ) -> None:
        """Add a note to the error of a call, if a failover is its cause.

        Args:
            error: what the application gets.
            track: of the connection.
            failure: what the error means.
            before: what was so when it was met.
        """
        event = _event(failure, before)
        if event is None or track.closed:
            return
        if self._context.config.settings.mode is Mode.OBSERVE:
            return
        decision = self._decision(track, event, before.began)
        if decision is not None:
            cluster, instance = track.cluster, track.instance
            incident = Incident(
                event,
                cluster.label,
                decision,
                cluster.instance_label(instance),
                cluster.role(instance),
                is_closed=track.is_shut_down and not track.shutdown_failed,
            )
            notes.attach(error, incident)

    def explain_connect(self, error: BaseException, cluster: Cluster, began: float) -> None:
        """Add a note to the error of a connect to a writer endpoint, if a failover is its cause.

        Args:
            error: what the application gets.
            cluster: the cluster.
            began: when the error was met, in seconds of the monotonic clock.
        """
        settings, now = self._context.config.settings, self._context.clock()
        if settings.mode is Mode.OBSERVE:
            return
        detector = cluster.detector
        decision: Decision | None = None
        if now - detector.changed_at <= settings.refresh_window:
            writer = cluster.instance_label(detector.writer)
            decision = Decision(writer, now - detector.changed_at)
        elif not cluster.monitor.answered_since(began):
            decision = self._undecided(cluster, now)
        if decision is not None:
            notes.attach(error, Incident(Event.CONNECT_FAILED, cluster.label, decision))

    def _decision(self, track: Track, event: Event, began: float) -> Decision | None:
        """Return what was decided of a failover; `None` if the error has to do with none."""
        cluster, now = track.cluster, self._context.clock()
        detector = cluster.detector
        changed_at = detector.changed_at
        if (
            event is Event.SHUT_DOWN
            or detector.staleness(track) is not None
            or (event is Event.LOST and self._has_just_changed(track, now))
        ):
            confirmed_at = changed_at if changed_at > track.opened_at else detector.confirmed_at
            return Decision(cluster.instance_label(detector.writer), now - confirmed_at)
        if cluster.monitor.answered_since(began):
            return None
        if track.endpoint_type in (EndpointType.READER, EndpointType.PROXY):
            return None
        return self._undecided(cluster, now)

    def _undecided(self, cluster: Cluster, now: float) -> Decision | None:
        """Return that no writer has confirmed itself, where that can be asked."""
        first = cluster.detector.first_symptom
        if first is None or not cluster.has_topology or cluster.monitor.login_rejected:
            return None
        return Decision(None, now - first.at)

    def _has_just_changed(self, track: Track, now: float) -> bool:
        """Return whether the writer has changed while the connection was open, and lately."""
        changed_at = track.cluster.detector.changed_at
        window = self._context.config.settings.refresh_window
        return changed_at > track.opened_at and now - changed_at <= window


def _event(failure: Failure, before: Before) -> Event | None:
    if failure.symptom is Symptom.READ_ONLY:
        return Event.WRITE_REFUSED
    if before.was_shut_down:
        return Event.SHUT_DOWN
    return Event.LOST if failure.lost or failure.symptom is not None else None
