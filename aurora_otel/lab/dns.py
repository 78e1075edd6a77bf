"""What the cluster's names point to, and since when."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

from aurora_otel.lab.errors import LabError

if TYPE_CHECKING:
    from aurora_otel.lab.membership import Topology

WRITER = "writer"
READER = "reader"
CUSTOM = "custom"
ENDPOINTS = (WRITER, READER, CUSTOM)


class Names:
    """The cluster's DNS records. No clock: the time is passed in, in seconds.

    Args:
        lag: seconds after which a published topology shows in the names.
        custom: the instances of the custom endpoint.

    Attributes:
        flap: seconds for which a name that lags leads to the old instance, then to the new one,
            and so on by turns; 0 has it lead to the old one alone.
    """

    def __init__(self, lag: float, custom: tuple[str, ...]) -> None:
        self.lag = lag
        self.custom = custom
        self.flap = 0.0
        self._lock = threading.Lock()
        self._published: list[tuple[float, Topology]] = []
        self._turn = itertools.count()

    @property
    def published(self) -> Topology:
        """The last published topology, whatever the lag."""
        return self._published[-1][1]

    def publish(self, topology: Topology, now: float) -> None:
        """Make the names follow `topology`, `lag` seconds from now."""
        with self._lock:
            self._published.append((now, topology))

    def settle(self) -> None:
        """Make the names follow the last published topology at once."""
        with self._lock:
            del self._published[:-1]

    def resolve(self, endpoint: str, now: float) -> str:
        """Return the instance that the name of an endpoint leads to; several take turns."""
        topology = self._seen(now)
        if endpoint == WRITER:
            return topology.writer
        members = topology.readers
        if endpoint == CUSTOM:
            present = (topology.writer, *topology.readers)
            members = tuple(name for name in self.custom if name in present)
        # As on Aurora, a reader endpoint without readers leads to the writer.
        members = members or (topology.writer,)
        return members[next(self._turn) % len(members)]

    def _seen(self, now: float) -> Topology:
        with self._lock:
            if not self._published:
                raise LabError("no topology was published yet")
            at, topology = self._published[-1]
            if self.flap and (now - at) // self.flap % 2:
                return topology
            past = [topology for at, topology in self._published if at + self.lag <= now]
            # The oldest record stands until the first change has come through.
            return past[-1] if past else self._published[0][1]
