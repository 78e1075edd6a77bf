"""What a refresh begins with: whom it asks, where they are, and what is known of the cluster."""

from __future__ import annotations

import random

from aurora_otel.discovery.dns import DomainLookup
from aurora_otel.discovery.source import goes_by_address, hears_all
from aurora_otel.discovery.targets import Beforehand, Target, targets
from aurora_otel.model.endpoints import Address
from aurora_otel.monitoring.access import ClusterAccess
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.places import Places
from aurora_otel.monitoring.requests import Trigger
from aurora_otel.runtime import sockets
from aurora_otel.tracking.bindings import host_of
from aurora_otel.tracking.cluster import Cluster


class Outlook:
    """Says what one cluster's refreshes begin with.

    Args:
        cluster: the cluster.
        context: what it works with.
        access: how the agent's own connections log in.
        places: where members may be that no instance names.
        lookup: looks the domain of the instances up.
    """

    def __init__(
        self,
        cluster: Cluster,
        context: AgentContext,
        access: ClusterAccess,
        places: Places,
        lookup: DomainLookup,
    ) -> None:
        self._cluster = cluster
        self._context = context
        self._access = access
        self._places = places
        self._lookup = lookup

    def targets(self, trigger: Trigger) -> list[Target]:
        """Return whom to ask, the most promising first.

        Third parties before the known writer: it may hang. The suspect last. The application's own
        host after the first of them: instances may not be reachable by name at all. Where an
        instance is called by its address, the host and the known writer alone: a former address may
        be another server's by now.
        """
        writer = self._cluster.detector.writer
        if goes_by_address(self._cluster.source):
            return targets([writer] if writer else [], self.locate, own_host_at=0)
        others = [name for name in list(self._cluster.members) if name != writer]
        # So that many processes do not all ask the same instance first.
        random.shuffle(others)
        names_first = [name for name in (trigger.hint, *others, writer) if name]
        in_turn = [name for name in dict.fromkeys(names_first) if name != trigger.suspect]
        if trigger.suspect:
            in_turn.append(trigger.suspect)
        return targets(
            in_turn,
            self.locate,
            own_host=self._newest_host if hears_all(self._cluster.source) else None,
            own_host_at=2 if trigger.hint else 1,
            other_hosts=self._other_hosts,
            places=self._places.of(self._hosts, self._members),
        )

    def beforehand(self, trigger: Trigger) -> Beforehand:
        """Return what is known of the cluster before an instance is asked."""
        detector, heard = self._cluster.detector, trigger.heard
        claims, held = self._claims
        return Beforehand(
            heard.at if heard else self._context.clock(),
            writer=detector.writer,
            members=frozenset(self._cluster.members),
            deposed=detector.deposed,
            suspect=trigger.suspect,
            heard=heard.answer if heard else None,
            heard_at=heard.peer if heard else None,
            host_shows=self._host_shows,
            epoch=detector.epoch,
            claims=claims,
            held=held,
            is_complete=self._places.are_complete(self._hosts, self._members),
            lineage=self._cluster.lineage,
            leads_to=self._places.host_leads_to,
            host=self._newest_host,
        )

    def locate(self, instance: str) -> Address | None:
        """Return where `instance` is reached, or `None` where that is not known yet."""
        if self._access.newest is None:
            return None
        endpoint = self._access.newest.endpoint.address
        cluster, clusters = self._cluster, self._context.clusters
        domain = cluster.domain or self._lookup.domain
        if (address := clusters.locate(cluster, instance, domain, endpoint.port)) is None:
            self._lookup.begin(endpoint)
        return address

    @property
    def _newest_host(self) -> Address | None:
        """Where the application connected last."""
        return self._access.newest.endpoint.address if self._access.newest else None

    @property
    def _claims(self) -> tuple[dict[str, int], frozenset[str]]:
        """Who claimed to be the writer; see `Beforehand.claims` and `Beforehand.held`."""
        claims = {name: claim.epoch for name, claim in self._cluster.claims.copy().items()}
        # To look at every connection takes time: only where the rule asks for it.
        if not (claims and hears_all(self._cluster.source)):
            return claims, frozenset()
        tracks = [each for each in self._context.tracker.tracks(self._cluster) if not each.lost]
        gone = set(sockets.hung_up((each, each.socket) for each in tracks if each.socket))
        there = {each.instance for each in tracks if each not in gone}
        held = frozenset(each for each in claims if each in there)
        has_epochs = any(claims.values())
        return claims if has_epochs else {each: claims[each] for each in held}, held

    @property
    def _hosts(self) -> list[Address]:
        """The hosts that the application connected to."""
        return [each.endpoint.address for each in self._access.logins]

    @property
    def _members(self) -> tuple[frozenset[Address], ...]:
        """The setting `MEMBERS`."""
        return self._context.config.settings.members

    @property
    def _host_shows(self) -> bool:
        newest = self._access.newest
        return newest is not None and newest.endpoint.instance is None

    @property
    def _other_hosts(self) -> list[Address]:
        """Other hosts of the application's, unless they are known to lead to another cluster."""
        leads_to, here = self._context.clusters.bindings.of_host, (self._cluster, None)
        return [
            each.address for each in self._access.other_hosts if leads_to(host_of(each)) in here
        ]
