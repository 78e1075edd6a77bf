"""Symptoms and verdicts in, decisions out: what one cluster's history means.

Pure: no I/O, no clock, no threads. Times are seconds of the monotonic clock and are passed in.
Nothing is ever decided on a symptom, or on what a view names: only a verdict decides, and it
decides by state (is this connection stale?), never by event (did the writer change just now?).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.former_writers import MOST_FORMER, Cause, ConnectionFacts, FormerWriters
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Role, Verdict
from aurora_otel.model.window import FirstSymptom, Window

# While no writer confirms itself, the refresh after a symptom is repeated: no sooner than after
# this many seconds, and after this share of the time that it has taken already.
FIRST_STEP = 0.05
PATIENCE = 0.1
# In the window, refreshes become rarer by this factor, down to one in this many seconds.
BACKOFF = 1.5
RAREST = 15.0


class Ruling(NamedTuple):
    """What a verdict means.

    Attributes:
        old_writer: the former writer, if the verdict names another.
        first_symptom: the symptom that the verdict explains, if there was one.
    """

    old_writer: str | None
    first_symptom: FirstSymptom | None


class Pace(NamedTuple):
    """How often a cluster's topology is refreshed.

    Attributes:
        window: seconds after a symptom in which calls refresh first.
        interval: seconds between two refreshes in the window, at first.
    """

    window: float
    interval: float


class Detector:
    """What is known of one cluster's writer, and when to refresh again.

    Attributes:
        changes: how often a verdict named another writer.
        pace: how often to refresh.
        epoch: the highest at which a writer was confirmed.
        spares_doubtful: whether an instance that accepts writes may be the writer's very server, by
            another address: see `staleness`.

    Args:
        pace: how often to refresh.
        random: a number in [0, 1), for the jitter: many processes see one failover at one moment.
    """

    def __init__(self, pace: Pace, random: Callable[[], float]) -> None:
        self.changes = 0
        self.pace = pace
        self.epoch = 0
        self.spares_doubtful = False
        self._random = random
        self._confirmed: str | None = None
        self._introduced: str | None = None
        self._introduced_at = float("-inf")
        self._deposed: frozenset[str] = frozenset()
        self._former = FormerWriters()
        self._judged = float("-inf")
        # Who is the writer, at which epoch, and since when that is known.
        self._reign: tuple[str, int] | None = None
        self._reigns_since = float("inf")
        self._window = Window()
        self._next_refresh = float("-inf")
        self._interval = pace.interval
        self._retry_at = float("-inf")
        # Since when a symptom waits for a writer to confirm itself.
        self._waiting_since: float | None = None

    # The window.

    def symptom(self, kind: Symptom, now: float, context: Any = None) -> bool:
        """Take note of a symptom: the refresh window opens, or stays open for longer.

        Args:
            kind: the symptom.
            now: when it was seen.
            context: the trace context of the call that saw it.

        Returns:
            whether it is the first since the last verdict.
        """
        is_open = self.window_open(now)
        if not is_open:
            self._next_refresh = now
            self._interval = self.pace.interval
        if not is_open or self._waiting_since is None:
            self._waiting_since = now
        return self._window.note(FirstSymptom(kind, now, context))

    @property
    def first_symptom(self) -> FirstSymptom | None:
        """The first symptom that no verdict has explained yet."""
        return self._window.first

    def window_open(self, now: float) -> bool:
        """Return whether calls refresh first."""
        return self._window.is_open(now, self.pace.window)

    def close_window(self) -> None:
        """Close the window, whatever it waited for."""
        self._window.close()

    def cleaned_up(self) -> None:
        """Close the window: the verdict that it waited for is there, and was acted upon.

        Unless another symptom was seen since that reading: it may be the first of the next
        failover, and needs a verdict of its own.
        """
        self._window.close_explained()

    def refresh_due(self, now: float) -> bool:
        """Return whether a call that saw nothing itself refreshes first."""
        return self.window_open(now) and now >= self._next_refresh

    @property
    def retry_at(self) -> float:
        """The earliest time for a refresh that a symptom asks for."""
        return self._retry_at

    def refreshed(self, now: float, *, confirmed: bool) -> None:
        """Take note that a refresh ended, and space the next ones out.

        A refresh that confirmed a writer may be repeated soon: it answers the next symptom with one
        round trip. One that did not is repeated after a tenth of the time since the symptom: by so
        little may it be late, and so seldom are refreshes in a long outage. A refresh that was
        not due puts off the next one that is, but makes it no rarer: else the first second of an
        outage would use up what the window is for.
        """
        was_due = now >= self._next_refresh
        self._next_refresh = now + self._interval * (0.75 + self._random() / 2)
        if was_due:
            self._interval = min(self._interval * BACKOFF, max(RAREST, self.pace.interval))
        if confirmed:
            self._waiting_since = None
        since = self._waiting_since
        waited = 0.0 if since is None else now - since
        step = min(waited * PATIENCE, self.pace.interval)
        self._retry_at = now + max(FIRST_STEP, step)

    # The writer.

    @property
    def writer(self) -> str | None:
        """The known writer: it said so itself."""
        return self._confirmed or self._introduced

    @property
    def changed_at(self) -> float:
        """When the writer was found to be another one, the last time."""
        return self._former.changed_at

    @property
    def confirmed_at(self) -> float:
        """When a writer was confirmed, the last time."""
        return self._judged

    @property
    def deposed(self) -> frozenset[str]:
        """The former writers that have not answered as readers since, and those like them.

        One that was frozen takes itself for the writer when it resumes.
        """
        return self._deposed

    def note_answers(self, readers: Iterable[str], contested: Iterable[str] = ()) -> None:
        """Take note of what instances said.

        Args:
            readers: those that said that they are readers.
            contested: those that claimed to be the writer beside the known one, where both may
                accept writes.
        """
        self._deposed = frozenset([*self._deposed.difference(readers), *contested][:MOST_FORMER])

    def introduce(self, writer: str, at: float = float("-inf")) -> None:
        """Take note of an instance that says it is the writer, if none is known yet.

        Args:
            writer: the instance.
            at: when that was heard; before every reading, where it is not given.
        """
        if self.writer is None:
            self._introduced_at = at
            self._introduced = writer

    def is_doubtful(self, verdict: Verdict) -> bool:
        """Return whether a verdict may come of answers that are out of date.

        Another instance has introduced itself as the writer since the reading began, which has not
        heard it, or heard what it was before. Whether one of the two denies it, the next reading
        shows.
        """
        introduced = self._introduced if self._confirmed is None else None
        is_contradicted = introduced not in (None, verdict.writer, verdict.renamed)
        return is_contradicted and verdict.began < self._introduced_at

    def contradicts(self, instance: str, role: Role) -> bool:
        """Return whether an instance's own answer is not what is known of it."""
        if self.writer is None or role is Role.UNKNOWN:
            return False
        return (instance == self.writer) is not (role is Role.WRITER)

    def judge(self, verdict: Verdict, heard_at: float = float("inf")) -> Ruling | None:
        """Apply a verdict.

        Args:
            verdict: the verdict.
            heard_at: when the writer had said that it is; infinity: that is not known.

        Returns:
            what it means, or `None` if it counts for nothing: one whose reading began later was
            applied before, or it is doubtful.
        """
        if verdict.began < self._judged or self.is_doubtful(verdict):
            return None
        self._judged = verdict.began
        old = self.writer
        changed = old is not None and old not in (verdict.writer, verdict.renamed)
        first = self._window.explain(verdict.began, changed=changed)
        if old is not None and old == verdict.renamed:
            self._former.note_rename(old, verdict.began)
        elif old is not None and changed:
            self._former.note_change(old, verdict.writer, verdict.began)
            self.changes += 1
            if not verdict.denied and len(self._deposed) < MOST_FORMER:
                self._deposed |= {old}
        self._deposed -= {verdict.writer}
        self._former.unheard = verdict.unheard
        self._confirmed = verdict.writer
        self.epoch = max(self.epoch, verdict.epoch)
        if self._reign != (verdict.writer, verdict.epoch):
            self._reign = verdict.writer, verdict.epoch
            self._reigns_since = heard_at if verdict.epoch else float("inf")
        return Ruling(old if changed else None, first)

    def note_refusal(self, connection: ConnectionFacts, now: float) -> None:
        """Take note of a refused write, where instances restart when they become readers.

        The application writes through this host: when a former writer is back as a reader before
        the host leads elsewhere, a whole pool reconnects to it.

        Args:
            connection: the connection.
            now: seconds of the monotonic clock.
        """
        self._former.note_refusal(connection, self.writer, now)

    def note_lead(self, host: str, instance: str, at: float, *, is_reader: bool) -> bool:
        """Take note of where a host leads, where instances restart when they become readers.

        What an application calls a service moves with the writer, late perhaps. An instance's own
        name never leads to another one: who connects by it to read has what is wanted, whatever
        was refused to others there. And a name that leads to readers beside the writer
        is one to read by.

        Args:
            host: the host and the port.
            instance: the instance that answered there.
            at: when, in seconds of the monotonic clock.
            is_reader: whether that said that it is a reader.

        Returns:
            whether it has moved to the writer, and writes were refused through it before: what was
            opened there meanwhile is stale.
        """
        return self._former.note_lead(host, instance, self.writer, at, is_reader=is_reader)

    def staleness(
        self, connection: ConnectionFacts, *, as_of: float = float("inf")
    ) -> Cause | None:
        """Return why `connection` is stale, or `None` if it is not.

        It is stale when its instance is not the writer and it was opened through

        - the writer endpoint: always;
        - an instance or custom endpoint: if its instance was known as the writer while it was
          open, or a write on it was refused and the writer has changed since it was opened;
        - any other host: if its instance was known as the writer while it was open, or a write
          on it was refused. Where all are asked, and its server did not answer, only if that said
          with the refusal that it is a reader: the transaction may have been read-only. Where
          instances restart when they become readers, also if a write was refused later on another
          connection through this host to this former writer, and the host leads to the writer by
          now, and never led to readers beside it;
        - the reader endpoint: never.

        With `spares_doubtful`, whatever it was opened through: if a verdict found, while it
        was open, that its instance is the writer no more; or if it was opened to a reader, and a
        write on it was refused.

        Where its instance is unknown, it is stale if a reader refused a write on it, by its own
        word, and the writer is what it was when the connection was opened, at the same epoch: so it
        was no reader meanwhile. Not if it was opened through the reader endpoint.

        Args:
            connection: the connection.
            as_of: what was refused at this time or later does not count.
        """
        writer, spares = self.writer, self.spares_doubtful
        if writer is None:
            return None
        if connection.instance is None:
            return self._staleness_of_unknown(connection, as_of)
        return self._former.staleness(connection, writer, spares_doubtful=spares, as_of=as_of)

    def _staleness_of_unknown(self, connection: ConnectionFacts, as_of: float) -> Cause | None:
        is_on_reader = connection.refused_by_reader and connection.opened_at > self._reigns_since
        is_to_read = connection.endpoint_type in (EndpointType.READER, EndpointType.PROXY)
        counts = is_on_reader and not is_to_read and connection.refused_at < as_of
        return Cause.WRITE_REFUSED if counts else None
