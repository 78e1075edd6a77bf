"""What the instances show of the topology, which may lag behind the truth or contradict it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aurora_otel.lab.dns import Names
    from aurora_otel.lab.instances import Instances
    from aurora_otel.lab.membership import Member


class Views:
    """The views of all instances. Not thread-safe.

    Args:
        instances: whose views they are.
        names: the cluster's DNS records, which follow what is published.
    """

    def __init__(self, instances: Instances, names: Names) -> None:
        self._instances = instances
        self._names = names
        self._fixed: set[str] = set()

    def fix(self, instance: str, rows: Iterable[Member]) -> None:
        """Make an instance show these rows, whatever is published."""
        server = self._instances.server(instance)
        self._fixed.add(instance)
        server.show(rows)

    def freeze(self, instance: str) -> None:
        """Make an instance go on showing what it shows."""
        self._instances.server(instance)
        self._fixed.add(instance)

    def free(self, instance: str) -> None:
        """Make an instance show what is published."""
        self._fixed.discard(instance)
        self.show_published(instance)

    def free_all(self) -> None:
        """Make every instance show what will be published next."""
        self._fixed.clear()

    def show_published(self, instance: str) -> None:
        """Make an instance show what was published last."""
        rows = self._names.published.seen_by(instance)
        self._instances.server(instance).show(rows)

    def publish(self) -> None:
        """Show the true topology on all live instances, but for those that are fixed."""
        topology = self._instances.topology
        for instance in (topology.writer, *topology.readers):
            if instance not in self._fixed:
                self._instances.server(instance).show(topology.seen_by(instance))
        self._names.publish(topology, time.monotonic())
