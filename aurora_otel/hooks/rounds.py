"""What the background loop does: prunes, and notices what no call reports."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping

from aurora_otel.drivers.protocol import Driver
from aurora_otel.model.groups import PruneReason
from aurora_otel.model.symptoms import Symptom
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.name_checks import NameChecks
from aurora_otel.runtime import sockets
from aurora_otel.runtime.spare import spare
from aurora_otel.settings import Settings
from aurora_otel.telemetry.reports import EndedReport, PruneReport
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import Track
from aurora_otel.tracking.upkeep import Upkeep

# Seconds between two searches for stuck calls and due refreshes; fewer with a shorter STUCK_AFTER.
_OFTEN = 1.0
# Longer than it takes a driver to end the session and to close its socket: seconds.
_CLOSING = 0.05


class Rounds:
    """The rounds of the background loop.

    Args:
        context: what it works with.
        drivers: by name, those that connected.
        deferred: symptoms of hooks that could not wait.
    """

    def __init__(
        self,
        context: AgentContext,
        drivers: Mapping[str, Driver],
        deferred: deque[tuple[Track, Symptom]],
    ) -> None:
        self._context = context
        self._drivers = drivers
        self._deferred = deferred
        self._upkeep = Upkeep(context.clusters, context.tracker)
        self._name_checks = NameChecks(context.routes, context.clock)
        self._next_prune = context.clock() + context.config.settings.prune_interval
        # When a call that does not return was seen to be stuck, and how old it may get now.
        self._stuck: dict[Track, tuple[float, float]] = {}
        self._pruned: deque[PruneReason] = deque()

    def tick(self) -> float:
        """Do what is due; return the seconds until something is due again."""
        context, settings = self._context, self._context.config.settings
        context.config.shield.run("background loop", self._round, settings)
        often = min(_OFTEN, settings.stuck_after / 4) if settings.stuck_after else _OFTEN
        return max(0.01, min(often, self._next_prune - context.clock()))

    def _round(self, settings: Settings) -> None:
        context = self._context
        spare.hold()
        context.tracker.drain()
        self._merge_duplicates()
        self._introduce_clusters()
        self._upkeep.tidy(context.clock())
        self._name_checks.begin_due()
        self._respond_to_deferred()
        self._refresh_where_due()
        self._find_stuck_calls(settings.stuck_after)
        for cluster in self._context.clusters:
            cluster.monitor.ask_for_events()
        self.report_ended(context.config.report)
        # A shorter interval may have been set meanwhile.
        soonest = context.clock() + settings.prune_interval
        self._next_prune = min(self._next_prune, soonest)
        if context.clock() >= self._next_prune:
            self._next_prune = soonest
            self._prune()

    def report_ended(self, report: Callable[[EndedReport], None]) -> None:
        """Report the connections that ended since the last call; from any thread.

        Args:
            report: has them emitted.
        """
        ended = self._context.tracker.take_ended()
        self._pruned.extend(reason for _, reason in ended if reason is not None)
        if ended:
            now = self._context.clock()
            report(EndedReport([(each, now - each.track.opened_at) for each in ended]))

    def _merge_duplicates(self) -> None:
        self._context.tracker.part_all(self._context.clusters.parted)
        for winner, loser in self._context.clusters.merge_duplicates():
            self._context.tracker.absorb(winner, loser)
            loser.monitor.hand_over(winner.monitor)

    def _introduce_clusters(self) -> None:
        """Have a cluster ask a writer that was promoted beside its own, and was met elsewhere."""
        unheard = self._context.clusters.unheard
        while unheard:
            cluster, other = (each.current for each in unheard.popleft())
            writer = other.detector.writer
            if cluster is other or writer is None:
                continue
            at = other.addresses.get(writer)
            cluster.note_places((), {writer: at} if at else None)
            cluster.monitor.symptom(Symptom.TOPOLOGY, suspect=None, hint=writer, wait=False)

    def _respond_to_deferred(self) -> None:
        while self._deferred:
            track, symptom = self._deferred.popleft()
            # Its owner may have closed it meanwhile: a symptom it was all the same.
            if track.cluster.is_ours and track.cluster.has_topology and not track.is_unusable:
                monitor = track.cluster.monitor
                if symptom is Symptom.STUCK:
                    # A call was given up: that is no error, and opens no window.
                    monitor.refresh_for_stuck_call()
                else:
                    monitor.symptom(symptom, suspect=track.instance, wait=False)

    def _refresh_where_due(self) -> None:
        for cluster in self._context.clusters:
            if cluster.alert:
                cluster.monitor.refresh_if_due(wait=False)

    def _find_stuck_calls(self, stuck_after: float) -> None:
        if not stuck_after:
            return
        now = self._context.clock()
        still: dict[Track, tuple[float, float]] = {}
        for cluster in self._context.clusters:
            is_due = False
            for track in self._context.tracker.tracks(cluster):
                since = track.in_flight_since
                if not since or now - since < stuck_after:
                    continue
                # Less and less often for the same call.
                seen_since, limit = self._stuck.get(track, (since, stuck_after))
                if seen_since != since:
                    limit = stuck_after
                if now - since >= limit:
                    is_due, limit = True, 2 * (now - since)
                still[track] = (since, limit)
            if is_due and cluster.has_topology:
                cluster.monitor.refresh_for_stuck_call()
        self._stuck = still

    def _prune(self) -> None:
        began = self._context.clock()
        for cluster in self._context.clusters:
            self._context.config.shield.run("prune connections", self._prune_cluster, cluster)
        self.report_ended(self._context.config.report)
        reasons: Counter[PruneReason] = Counter()
        while self._pruned:
            reasons[self._pruned.popleft()] += 1
        if reasons:
            began_ns, ended_ns = self._context.timestamps(began, self._context.clock())
            self._context.config.report(PruneReport(began_ns, ended_ns, reasons))

    def _prune_cluster(self, cluster: Cluster) -> None:
        tracker = self._context.tracker
        tracks = tracker.tracks(cluster)
        closed, lost = self._closed(tracks), _lost(tracks)
        if not closed and not lost:
            return
        # One that is just now closed by its own finaliser is in the same state for a moment. By the
        # end of it, that is noted, and the socket is gone. A call of `close` is a call in flight.
        time.sleep(_CLOSING)
        tracker.prune({*closed, *self._closed(lost)}, PruneReason.CLOSED)
        # What was closed meanwhile has no socket either.
        lost = [track for track in _lost(lost) if track.is_tracked]
        if tracker.prune(lost, PruneReason.HUNG_UP) and cluster.has_topology:
            cluster.monitor.lost(lost)
            # Of several that ended some, the one that may have ended all.
            ((suspect, _),) = Counter(each.instance for each in lost).most_common(1)
            cluster.monitor.symptom(Symptom.HUNG_UP, suspect=suspect, wait=False)

    def _closed(self, tracks: Iterable[Track]) -> list[Track]:
        """Return those that their driver takes for closed, or reported as lost."""
        return [track for track in tracks if self._is_closed(track)]

    def _is_closed(self, track: Track) -> bool:
        connection = track()
        if connection is None or track.in_flight_since:
            return False
        ask = self._drivers[track.group.driver].is_closed
        is_closed = self._context.config.shield.run("ask a driver's file", ask, connection)
        return bool(is_closed) or (track.lost and sockets.is_gone(track.socket))


def _lost(tracks: Iterable[Track]) -> list[Track]:
    """Return the idle ones that have ended, as far as shows; the others find out themselves.

    Their server has hung up; or something below their driver has closed the socket on hearing of
    that, such as an event loop, and the driver takes the connection for open all the same.
    """
    idle = [(track, track.socket) for track in tracks if track.socket and not track.in_flight_since]
    return [*sockets.hung_up(idle), *(track for track, sock in idle if sockets.is_gone(sock))]
