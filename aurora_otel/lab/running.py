"""A cluster while it runs: its servers, what they show of the topology, and the gateway."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from aurora_otel.lab import addresses, installation, ports
from aurora_otel.lab.dns import WRITER
from aurora_otel.lab.errors import LabError
from aurora_otel.lab.failover import Failover
from aurora_otel.lab.gateway import Gateway
from aurora_otel.lab.instances import Instances
from aurora_otel.lab.reaper import Reaper
from aurora_otel.lab.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable

    from aurora_otel.lab.addresses import Addresses
    from aurora_otel.lab.dns import Names
    from aurora_otel.lab.engines import Engine
    from aurora_otel.lab.failover import Switch
    from aurora_otel.lab.server import Credentials


class Running:
    """Starts when it is made. Not thread-safe, but for reading.

    Attributes:
        directory: where the servers' files are.
        servers: the instances.
        views: what they show of the topology.
        gateway: the endpoints' links.
        port: on which all of them listen.

    Args:
        engine: of the servers.
        places: the names and addresses.
        names: the cluster's DNS records.
        credentials: the accounts.

    Raises:
        LabError: something is missing, or a server does not come up; nothing is left behind.
    """

    def __init__(
        self, engine: Engine, places: Addresses, names: Names, credentials: Credentials
    ) -> None:
        self._names = names
        with ExitStack() as undo:
            self.directory = installation.new_directory()
            # From here on it is the reaper that removes what there is.
            reaper = Reaper(self.directory)
            undo.callback(reaper.reap)
            programs = engine.find(self.directory, reaper.watch)
            links, servers = places.listening(in_front=engine.surface is not None)
            listeners = ports.listen(links, tuple(servers.values()))
            self.port = listeners[WRITER].getsockname()[1]
            self.servers = Instances(
                {
                    item: engine.server(
                        item, (ip, self.port), self.directory, programs, credentials
                    )
                    for item, ip in servers.items()
                },
                demotes_in_place=engine.demotes_in_place,
                demotes_first=engine.demotes_first,
            )
            self.views = Views(self.servers, names)
            self.gateway = Gateway(
                listeners, self._resolve, places.places, engine.silence, engine.surface
            )
            undo.callback(self.gateway.close)
            self.servers.create()
            self.views.publish()
            names.settle()
            self._undo = undo.pop_all()

    def stop(self) -> None:
        """End it all; nothing is left behind. Does nothing in a forked child."""
        self._undo.close()

    def failover(
        self,
        kind: Failover,
        target: str | None,
        *,
        publish: bool,
        on_published: Callable[[], None] | None,
    ) -> Switch:
        """Make another instance the writer; as `Cluster.failover`."""

        def announce() -> float | None:
            if not publish:
                return None
            self.views.publish()
            at = time.monotonic()
            if on_published is not None:
                on_published()
            return at

        return self.servers.failover(kind, target, announce)

    def promote(self, instance: str, *, publish: bool) -> None:
        """Make a reader accept writes beside the writer."""
        self.servers.promote(instance)
        if publish:
            self.views.publish()

    def recover(self, instance: str) -> None:
        """Bring a crashed or hung instance back, as a reader.

        Raises:
            LabError: it is neither crashed nor hung.
        """
        if self.servers.live(instance):
            raise LabError(f"{instance} is neither down nor hung")
        self._back(instance, self.servers.renew)

    def rejoin(self, instance: str) -> None:
        """Make an instance that was demoted in place a real replica; that ends its sessions.

        Raises:
            LabError: it was not demoted in place.
        """
        if not self.servers.demoted(instance):
            raise LabError(f"{instance} was not demoted in place")
        self._back(instance, self.servers.rejoin)

    def heal(self) -> None:
        """Put servers, replication, links and views right. Who writes, stays."""
        self.gateway.restore()
        self.views.free_all()
        if not self.servers.live(self.servers.writer):
            self.failover(Failover.CRASH, None, publish=True, on_published=None)
        self.servers.repair()
        self.views.publish()
        self._names.settle()

    def _resolve(self, endpoint: str) -> tuple[str, tuple[str, int]]:
        instance = endpoint
        if endpoint in addresses.GATEWAY:
            instance = self._names.resolve(endpoint, time.monotonic())
        return instance, self.servers.server(instance).address

    def _back(self, instance: str, way: Callable[[str], None]) -> None:
        # While a failover is kept secret, an instance that comes back must not give it away.
        public = self._names.published.writer == self.servers.writer
        self.views.show_published(instance)
        way(instance)
        if public:
            self.views.publish()
