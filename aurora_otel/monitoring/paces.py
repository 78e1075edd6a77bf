"""How often one cluster's topology is refreshed, by the reason for it.

Times are seconds of the monotonic clock.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

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
# A way to the writer that fails has the next refresh come at once, this often: seconds.
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
        self._way_lost_at = float("-inf")
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
            lost = self._mass_loss(trigger.suspect) if is_loss else ()
            self.logins.doubt(now, is_mass=bool(lost), processes=self._most_processes(lost))
            self.logins.back_as_reader(self._back_as_reader_at)
        are_all_heard = hears_all(self._cluster.source)
        self.logins.refreshing(now, hears_all=are_all_heard, claimant=trigger.hint)

    def refreshed(self, trigger: Trigger, outcome: RefreshOutcome, now: float) -> None:
        """Have the next refreshes for the same kind of reason keep to the pace of that."""
        self._cluster.detector.refreshed(now, confirmed=outcome.confirmed)
        if outcome.confirmed:
            self.logins.settled()
        is_same = outcome.confirmed and not outcome.changed
        if trigger.stuck:
            stuck_after = self._context.config.settings.stuck_after
            self.stuck.refreshed(now, stuck_after, is_same=is_same)
        elif trigger.suspect is not None:
            self.errors.refreshed(now, _ERRORS_FIRST, is_same=is_same)

    def back_as_reader(self, now: float) -> None:
        """Take note that a write was refused on a connection to a former writer, now a reader."""
        self._back_as_reader_at = now

    def way_lost(self, now: float) -> None:
        """Have the next refresh come at once: connects found no writer where the last one said.

        Once in a while alone. Where no connect can go that way, each would cost a refresh.
        """
        if now >= self._way_lost_at + _WAYS_APART:
            self._way_lost_at = now
            self.errors.reset()

    def _mass_loss(self, instance: str | None) -> Sequence[Track]:
        """Return the connections that a server has ended at once: so those of every process.

        None where they are too few for that.
        """
        tracks = self._context.tracker.tracks(self._cluster)
        there = ((t, t.socket) for t in tracks if t.socket and t.instance == instance)
        lost = sockets.hung_up(there)
        return lost if len(lost) >= MASS else ()

    def _most_processes(self, lost: Sequence[Track]) -> float:
        """Return how many processes may have lost as many connections to the same server at once.

        No more than it had room for; without end, where it did not say how many connections it
        allows.
        """
        servers, now = self._context.servers, self._context.clock()
        found = (servers.get(each.endpoint.address, now) for each in lost if each.endpoint)
        allowed = (server.max_connections for server in found if server)
        return max((each for each in allowed if each), default=float("inf")) / MASS
