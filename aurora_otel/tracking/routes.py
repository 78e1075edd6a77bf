"""Which connects go straight to the writer, whatever the name that they give leads to.

Opened by verdicts, misrouted connections and failed connects; ended by lookups, by their time, and
by a straight connect that did not reach the writer. Read and written from hooks, without a lock:
each step is one atomic operation on a dict, and a route is replaced as a whole. Times are seconds
of the monotonic clock, and names are addresses as applications give them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import StraightReason, Whereabouts, is_name, lead_to
from aurora_otel.tracking.cluster import Cluster

# So many lookups in a row have to lead to the writer: some name servers lag behind others. Each
# time that this turns out to have been too few, twice as many, up to the second.
AGREEMENTS = 2
MOST_AGREEMENTS = 16
# Seconds between two lookups of a name: at first, and later on.
OFTEN = 1.0
SELDOM = 5.0
_SHARE = 0.25
# So many names of its writer are kept for a cluster.
_MOST_NAMES = 16


class Route(NamedTuple):
    """A way to the writer.

    Attributes:
        cluster: the writer's cluster.
        to: where the writer confirmed itself.
        reason: why the name is taken to lead elsewhere.
        opened_at: when that was last found, in seconds of the monotonic clock.
        until: when the name is trusted again, whatever it leads to.
        agreements: so many of the last lookups led to the writer.
        needed: so many have to, in a row, for the name to be trusted again.
        next_lookup: when the name is to be looked up again.
    """

    cluster: Cluster
    to: Whereabouts
    reason: StraightReason
    opened_at: float
    until: float
    agreements: int = 0
    needed: int = AGREEMENTS
    next_lookup: float = float("-inf")


class Routes:
    """The routes of this process, by the host (normalised) and port that applications give."""

    def __init__(self) -> None:
        self._open: dict[Address, Route] = {}
        # Those that lookups have ended: the name may have flapped.
        self._ended: dict[Address, Route] = {}

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self._open)

    def to(self, name: Address, now: float) -> Route | None:
        """Return the route for connects by `name`, if there is one."""
        route = self._open.get(name)
        if route is None or now < route.until:
            return route
        self._open.pop(name, None)
        return None

    def note_name(self, cluster: Cluster, name: Address) -> None:
        """Take note of a name that should lead to the cluster's writer."""
        known = cluster.writer_names
        if name not in known and len(known) < _MOST_NAMES and is_name(name.host):
            known[name] = None

    def confirmed(self, cluster: Cluster, to: Whereabouts | None, writer: str) -> None:
        """Take note of a verdict.

        Args:
            cluster: the cluster.
            to: where the writer confirmed itself, if that is known.
            writer: the writer.
        """
        if to is None:
            known = cluster.whereabouts
            to = known if known is not None and known.writer == writer else None
        cluster.whereabouts = to
        for name, route in self._of(cluster):
            if route.to != to:
                self._open.pop(name, None)

    def open_all(
        self, cluster: Cluster, reason: StraightReason, now: float, seconds: float
    ) -> None:
        """Have connects by all names of the cluster's writer go straight to it.

        Args:
            cluster: the cluster.
            reason: why.
            now: the time.
            seconds: for how long.
        """
        for name in list(cluster.writer_names):
            self.open(cluster, name, reason, now, seconds)

    def open(
        self, cluster: Cluster, name: Address, reason: StraightReason, now: float, seconds: float
    ) -> Route | None:
        """Have connects by `name` go straight to the writer; return the route, if there is a way.

        Args:
            cluster: the cluster.
            name: the host and port that applications give.
            reason: why the name is taken to lead elsewhere.
            now: seconds of the monotonic clock.
            seconds: for how long.
        """
        to = cluster.whereabouts
        if to is None or to.writer != cluster.detector.writer or to.address.port != name.port:
            return None
        if name not in cluster.writer_names:
            return None
        before = self._ended.pop(name, None)
        has_flapped = before is not None and before.to == to and now < before.until
        needed = min(2 * before.needed, MOST_AGREEMENTS) if before and has_flapped else AGREEMENTS
        route = Route(cluster, to, reason, now, now + seconds, needed=needed)
        self._open[name] = route
        return route

    def failed(self, route: Route) -> None:
        """Trust names again: no writer was found by `route`. The next verdict may open others."""
        cluster = route.cluster.current
        if cluster.whereabouts == route.to:
            cluster.whereabouts = None
        for name, each in self._of(cluster):
            if each.to == route.to:
                self._open.pop(name, None)

    # Lookups.

    def due(self, now: float) -> list[Address]:
        """Return the names that are to be looked up."""
        found = []
        for name, route in list(self._open.items()):
            if self.to(name, now) is not None and now >= route.next_lookup:
                age = now - route.opened_at
                later = now + min(max(OFTEN, age * _SHARE), SELDOM)
                self._replace(name, route, route._replace(next_lookup=later))
                found.append(name)
        return found

    def looked_up(self, name: Address, addresses: frozenset[str], asked_at: float) -> None:
        """Take note of what a name leads to.

        Args:
            name: the name.
            addresses: its network addresses.
            asked_at: when the lookup began, in seconds of the monotonic clock.
        """
        route = self._open.get(name)
        if route is None or asked_at < route.opened_at:
            return
        agreements = route.agreements + 1 if lead_to(addresses, route.to.address) else 0
        if agreements < route.needed:
            self._replace(name, route, route._replace(agreements=agreements))
        elif self._open.get(name) is route:
            self._ended[name] = route
            self._open.pop(name, None)

    def _replace(self, name: Address, before: Route, after: Route) -> None:
        # One that was opened meanwhile is the newer one.
        if self._open.get(name) is before:
            self._open[name] = after

    def _of(self, cluster: Cluster) -> Iterable[tuple[Address, Route]]:
        routes = list(self._open.items())
        return [(name, route) for name, route in routes if route.cluster.current is cluster]
