"""What the agent does and knows, seen from inside."""

from __future__ import annotations

import threading
import time
from typing import Any

from aurora_otel.agent import Agent
from aurora_otel.drivers.connects import Attempt
from aurora_otel.drivers.marks import track_of
from aurora_otel.drivers.protocol import Driver
from aurora_otel.hooks.agent_hooks import AgentHooks
from aurora_otel.hooks.new_connection import NewConnection
from aurora_otel.model.detector import Detector
from aurora_otel.model.groups import Outcome
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Verdict
from aurora_otel.monitoring import failover
from aurora_otel.tracking import invalidation
from aurora_otel.tracking.track import Track
from tests.chaos.application.database import Database
from tests.chaos.application.reporting import Reporter
from tests.chaos.facts import Balance, Handed, Known, Refused, Shut

_clock = time.monotonic


def watch(reporter: Reporter, database: Database) -> None:
    """Report what the agent learns of the writer, what it hands over, and what it shuts down."""
    reading = threading.local()
    invalidate = failover.FailoverHandler._invalidate
    shut_down = invalidation._shut_down
    judge, introduce = Detector.judge, Detector.introduce

    def watched_invalidate(self: Any, began: float, symptom: Symptom) -> Any:
        reading.began = began
        return invalidate(self, began, symptom)

    def watched_shut_down(track: Track, *args: Any) -> Outcome | None:
        outcome = shut_down(track, *args)
        if outcome is Outcome.CLOSED:
            reporter.count("invalidations")
            reporter.report(
                Shut(
                    _clock(),
                    reading.began,
                    id(track.cluster.detector),
                    str(track.instance),
                    track.endpoint_type.value,
                    track.role.value,
                    track.opened_at,
                    track.refused,
                    str(track.host),
                )
            )
        return outcome

    def watched_judge(self: Detector, verdict: Verdict, *heard_at: float) -> Any:
        ruling = judge(self, verdict, *heard_at)
        if ruling is not None:
            if ruling.old_writer is not None:
                reporter.count("failovers")
            reporter.report(Known(_clock(), verdict.began, id(self), verdict.writer))
        return ruling

    def watched_introduce(self: Detector, writer: str, *at: float) -> None:
        if self.writer is None:
            reporter.report(Known(_clock(), _clock(), id(self), writer, confirmed=False))
        introduce(self, writer, *at)

    _watch_connects(reporter)
    _watch_discards(database)
    _watch_refusals(reporter)
    failover.FailoverHandler._invalidate = watched_invalidate
    invalidation._shut_down = watched_shut_down
    Detector.judge = watched_judge
    Detector.introduce = watched_introduce


def _watch_connects(reporter: Reporter) -> None:
    connect = AgentHooks.connect_steps

    def watched_connect(self: AgentHooks, driver: Driver, attempt: Attempt) -> Any:
        began = _clock()
        connection = yield from connect(self, driver, attempt)
        track = track_of(connection)
        if track is not None:
            group, cluster = track.group, id(track.cluster.detector)
            endpoint, role = track.endpoint_type.value, group.role.value
            reporter.report(Handed(_clock(), began, cluster, str(track.instance), endpoint, role))
        return connection

    AgentHooks.connect_steps = watched_connect


def _watch_refusals(reporter: Reporter) -> None:
    note = Detector.note_refusal

    def watched_note(self: Detector, connection: Any, now: float) -> None:
        reporter.report(Refused(now, str(connection.instance), str(connection.host)))
        note(self, connection, now)

    Detector.note_refusal = watched_note


def _watch_discards(database: Database) -> None:
    discard = NewConnection.discard

    def watched_discard(self: NewConnection, *args: Any) -> None:
        if self.track is not None:
            database.count_given_up()
        discard(self, *args)

    NewConnection.discard = watched_discard


def balance(agent: Agent, database: Database, *, final: bool = False) -> Balance:
    """Return what the agent's books say now."""
    before = database.received
    with agent.tracker.settled():
        books = list(agent.tracker.books.values())
        now_open = sum(
            len(tracks)
            for cluster in agent.clusters
            for tracks in agent.tracker.open(cluster).values()
        )
        return Balance(
            _clock(),
            opens=sum(book.opens for book in books),
            open=now_open,
            closes=sum(book.closes for book in books),
            prunes=sum(sum(book.prunes.values()) for book in books),
            invalidated=sum(
                times
                for book in books
                for (_, outcome), times in book.invalidations.items()
                if outcome is Outcome.CLOSED
            ),
            received=before,
            given_up=database.given_up,
            final=final,
        )
