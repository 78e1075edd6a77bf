"""Where an identified connection belongs."""

from __future__ import annotations

from aurora_otel.discovery.source import goes_by_address, hears_all
from aurora_otel.drivers.protocol import Driver
from aurora_otel.hooks.identification import Identity
from aurora_otel.model.groups import Group
from aurora_otel.model.peers import own_address
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.tracking.cluster import Cluster


class Placement:
    """Finds the cluster and the group of connections.

    Args:
        context: what it works with.
    """

    def __init__(self, context: AgentContext) -> None:
        self._context = context

    def cluster_of(self, driver: Driver, identity: Identity, *, is_fresh: bool = True) -> Cluster:
        """Return the cluster of a connection, and take note of what its answer says of it.

        Args:
            driver: of the connection.
            identity: where it landed.
            is_fresh: whether it was just opened: else it says nothing of its host.
        """
        clusters, host = self._context.clusters, identity.endpoint.address
        direct = own_address(identity.answer.instance, identity.peer) if identity.answer else None
        if is_fresh and identity.answer and hears_all(identity.source):
            clusters.direct.note(host, is_direct=direct is not None)
        cluster = clusters.place(
            identity.endpoint,
            driver.system,
            self._context.clock(),
            identity.answer,
            source=identity.source,
            view=identity.view,
            is_fresh=is_fresh,
        )
        if goes_by_address(identity.source) and not cluster.detector.spares_doubtful:
            cluster.detector.spares_doubtful = True
            # Those that were not asked have the name of the endpoint for an instance's.
            self._context.tracker.disown(host)
        server = self._context.servers.get(host, self._context.clock()) if identity.answer else None
        if server:
            cluster.note_limit(server.max_connections)
        if identity.answer and direct:
            cluster.note_places((), {identity.answer.instance: direct})
        return cluster

    def group_of(self, driver: str, cluster: Cluster, identity: Identity) -> Group:
        """Return what a connection is counted by.

        Args:
            driver: the name of its driver.
            cluster: its cluster.
            identity: where it landed.
        """
        answer = identity.answer
        role = answer.role if answer else cluster.role(identity.instance)
        return cluster.group(identity.instance, role, driver, identity.endpoint.type)
