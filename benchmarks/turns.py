"""How many round trips a connect takes, counted on the gateway's links."""

from __future__ import annotations

from collections.abc import Callable

from aurora_otel.lab import Action, Cluster


class Turns:
    """Counts how often the client speaks after the server has spoken."""

    def __init__(self) -> None:
        self.count = 0
        self._servers = True

    def from_client(self, data: bytes) -> Action:
        """Count, at the first piece."""
        self.count += self._servers
        self._servers = False
        return Action(forward=data)

    def from_server(self, data: bytes) -> Action:
        """Take note."""
        self._servers = True
        return Action(forward=data)


def round_trips(cluster: Cluster, connect: Callable[[], object]) -> list[int]:
    """Return the round trips of each link to the writer endpoint that `connect` opens, in turn."""
    seen: list[Turns] = []

    def make() -> Turns:
        seen.append(Turns())
        return seen[-1]

    cluster.gateway.filter("writer", make)
    connect()
    cluster.gateway.filter("writer", None)
    return [turns.count for turns in seen]
