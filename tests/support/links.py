"""Failures of single links through the gateway, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from aurora_otel.lab import Action, Cluster
from aurora_otel.lab.filters import Filter


class Transparent:
    """Lets everything pass."""

    def from_client(self, data: bytes) -> Action:
        return Action(forward=data)

    def from_server(self, data: bytes) -> Action:
        return Action(forward=data)


class Hang:
    """Lets nothing pass."""

    def from_client(self, data: bytes) -> Action:
        return Action()

    def from_server(self, data: bytes) -> Action:
        return Action()


def through(
    cluster: Cluster, first: Callable[[], Filter], others: Callable[[], Filter]
) -> list[Filter]:
    """Put a filter into the next link to the writer endpoint and others into all later ones.

    Returns:
        the filters of the links that were made, up to date at any time.
    """
    made: list[Filter] = []

    def make() -> Filter:
        made.append(others() if made else first())
        return made[-1]

    cluster.gateway.filter("writer", make)
    return made
