"""How often one cluster's topology is refreshed, by the reason for it.

Times are seconds of the monotonic clock.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Iterable

from aurora_otel.discovery.source import hears_all
from aurora_otel.model.pace import LoginPace, SteadyPace
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.requests import RefreshOutcome, Trigger
from aurora_otel.runtime import sockets
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import Track

_LOSSES = (Symptom.CONNECTION_LOST, Symptom.HUNG_UP)
# So many connections that a server has ended at once are no accident of one of them.
MASS = 3
# While the writer confirms itself, so many errors are answered at once; then the pauses grow, from
# the first to the longest, in seconds. Calls that do not return are long statements then.
_ERRORS_FREE = 4
_ERRORS_FIRST = 0.5
_ERRORS_LONGEST = 2.0
_STUCK_LONGEST = 60.0
# What was lost within so many seconds was lost at once: a refresh is put off for as long at most.
_AT_ONCE = _ERRORS_LONGEST + 1.0
# So many of the connections that were lost last are remembered.
_MOST_LOST = 64
# A way to the writer that fails, or moves, has the next refresh come at once, this often: seconds.
_WAYS_APART = 0.5


class Paces:
    """The paces of one cluster's refreshes.

    Attributes:
        logins: when the agent may log in.
        stuck: of the refreshes for calls that do not return.
        errors: of the refreshes for errors.

    Args:
        cluster: the cluster.
        context: what it works with.
    """

    def __init__(self, cluster: Cluster, context: AgentContext) -> None:
        self.logins = LoginPace(random.random)
        self.stuck = SteadyPace(1, _STUCK_LONGEST)
        self.errors = SteadyPace(_ERRORS_FREE, _ERRORS_LONGEST)
        self._cluster = cluster
        self._context = context
        # With the time when that was seen.
        self._lost: deque[tuple[float, Track]] = deque(maxlen=_MOST_LOST)
        self._way_changed_at = float("-inf")
        self._back_as_reader_at = float("-inf")

    @property
    def earliest(self) -> float:
        """When a refresh that a symptom asks for may begin, in seconds of the monotonic clock."""
        return max(self._cluster.detector.retry_at, self.errors.next)

    def refreshing(self, trigger: Trigger, now: float) -> None:
        """Have logins keep to the pace of a doubt, if a refresh begins because of one."""
        first = self._cluster.detector.first_symptom
        if first is not None:
            is_loss = first.kind in _LOSSES and not self.logins.goes_on(now)
            lost = self._mass_loss(trigger.suspect, now) if is_loss else ()
            self.logins.doubt(now, is_mass=bool(lost), processes=self._most_processes(lost))
            self.logins.back_as_reader(self._back_as_reader_at)
        are_all_heard = hears_all(self._cluster.source)
        self.logins.refreshing(now, hears_all=are_all_heard, claimant=trigger.hint)

    def refreshed(self, trigger: Trigger, outcome: RefreshOutcome, now: float) -> None:
        """Have the next refreshes for the same kind of reason keep to the pace of that."""
        self._cluster.detector.refreshed(now, confirmed=outcome.confirmed)
        if outcome.confirmed:
            self.logins.settled()
            # Explained: it is of no other event.
            self._lost.clear()
        is_same = outcome.confirmed and not outcome.changed
        if trigger.stuck:
            stuck_after = self._context.config.settings.stuck_after
            self.stuck.refreshed(now, stuck_after, is_same=is_same)
        elif trigger.suspect is not None:
            self.errors.refreshed(now, _ERRORS_FIRST, is_same=is_same)

    def lost(self, tracks: Iterable[Track]) -> None:
        """Take note of connections that were seen to be lost. Only appends.

        What sees it first takes them out, or their driver closes them: nothing shows it later.
        """
        now = self._context.clock()
        self._lost.extend((now, each) for each in tracks)

    def back_as_reader(self, now: float) -> None:
        """Take note that a write was refused on a connection to a former writer, now a reader."""
        self._back_as_reader_at = now

    def way_changed(self, now: float) -> None:
        """Have the next refresh come at once: connects no longer lead where the last one said.

        Once in a while alone. Where no connect can go a way, or one leads here and there by turns,
        each would cost a refresh.
        """
        if now >= self._way_changed_at + _WAYS_APART:
            self._way_changed_at = now
            self.errors.reset()

    def _mass_loss(self, instance: str | None, now: float) -> Collection[Track]:
        """Return the connections that a server has ended at once: so those of every process.

        None where they are too few for that.
        """
        tracks = self._context.tracker.tracks(self._cluster)
        unsaid = [t for t in tracks if t.socket and t.instance == instance and not t.lost]
        # Nothing has seen it yet, or a driver has, which closed the socket; the rest was said.
        lost = set(sockets.hung_up((t, t.socket) for t in unsaid if t.socket))
        lost |= {t for t in unsaid if sockets.is_gone(t.socket)}
        lost |= {t for at, t in list(self._lost) if now - at < _AT_ONCE and t.instance == instance}
        return lost if len(lost) >= MASS else ()

    def _most_processes(self, lost: Collection[Track]) -> float:
        """Return how many processes may have lost as many connections to the same server at once.

        No more than it had room for or, where it was never asked, than the largest of the cluster
        has; without end, where none said how many connections it allows.
        """
        servers, now = self._context.servers, self._context.clock()
        found = (servers.get(each.endpoint.address, now) for each in lost if each.endpoint)
        allowed = (server.max_connections for server in found if server)
        known = max((each for each in allowed if each), default=self._cluster.max_connections)
        return (known or float("inf")) / MASS
