"""What applications do with one driver of the MySQL family, on top of its `Descriptor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from aurora_otel.drivers import REGISTRY
from aurora_otel.drivers import Driver as Adapter
from aurora_otel.lab import Cluster
from tests.support.drivers.descriptors import Descriptor
from tests.support.mysql import ITEMS, end_session

Feature = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Features:
    """What a behaviour of the MySQL family cannot know of a driver.

    Attributes:
        driver: the driver itself.
        features: what an application does with it, on a table `items`.
        on_the_network: those that show a lost connection.
        executed: runs a statement; returns all that the cursor shows of it, its rows at the end.
        session: returns the server's number of a connection's session.
        state: of the session and the connection, as the driver shows it.
        ended: closes a connection and uses it once more; returns what is seen of that.
        streamed: opens a cursor whose rows are on their way, if the driver reports their loss.
        streamed_lost: what it raises then.
        fetches: the cursor's methods that read those rows.
        converting: other arguments of `connect`, with which it shows values as something else.
        quiet: arguments of `connect` with which the driver itself asks nothing after the login.
        for_items: arguments of `connect` that the features need.
        spanned: the query spans that features make, by the features' names.
        silent: features that show a loss by what they return.
        not_beside_upstream: features that upstream's instrumentation breaks.
    """

    driver: Descriptor
    features: Mapping[str, Feature]
    on_the_network: Mapping[str, Feature]
    executed: Callable[..., tuple[Any, ...]]
    session: Callable[[Any], int]
    state: Callable[[Any], tuple[Any, ...]]
    ended: Callable[[Cluster, Any], Any]
    streamed: Callable[[Any], Any] | None = None
    streamed_lost: type[Exception] = Exception
    fetches: tuple[str, ...] = ("fetchone", "fetchmany", "fetchall")
    converting: Mapping[str, Any] = field(default_factory=dict)
    quiet: Mapping[str, Any] = field(default_factory=dict)
    for_items: Mapping[str, Any] = field(default_factory=dict)
    spanned: Mapping[str, list[str]] = field(default_factory=lambda: {"executemany": ["INSERT"]})
    silent: frozenset[str] = frozenset()
    not_beside_upstream: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """Return the driver's name as it is part of a test's name."""
        return self.driver.id

    @property
    def module(self) -> ModuleType:
        """Return the driver's module."""
        return self.driver.dbapi

    @property
    def adapter(self) -> Adapter:
        """Return the agent's adapter of the driver."""
        return next(each for each in REGISTRY if each.name == self.driver.name).load()

    @property
    def lost(self) -> tuple[type[Exception], ...]:
        """Return what a lost connection raises, besides `module.Error`."""
        return self.driver.lost

    @property
    def has_upstream(self) -> bool:
        """Return whether OpenTelemetry has an instrumentation of it."""
        return self.driver.has_upstream

    def connect(self, cluster: Cluster, target: str = "writer", **others: Any) -> Any:
        """Connect as an application does."""
        return self.module.connect(**{**self.driver.login(cluster, target, "address"), **others})

    def with_items(self, cluster: Cluster) -> Any:
        """Connect, and make the table that the features need."""
        connection = self.connect(cluster, **self.for_items)
        self.executed(connection, ITEMS)
        return connection

    def rows(self, connection: Any, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows."""
        return list(self.executed(connection, statement)[-1])

    def end(self, cluster: Cluster, connection: Any) -> None:
        """Make the server end a connection's session; wait until it is gone."""
        end_session(cluster, self.session(connection))
