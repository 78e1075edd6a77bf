"""One driver of the MySQL family, and all that a behaviour cannot know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from aurora_otel.drivers import Driver as Adapter
from aurora_otel.lab import Cluster
from tests.behaviour.mysql import ITEMS, arguments, end_session

Feature = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Driver:
    """What is said of a driver.

    Attributes:
        id: how a test's name says which one it is.
        module: with `connect` and the exceptions.
        adapter: ours.
        features: what an application does with it, on a table `items`.
        on_the_network: those that show a lost connection.
        executed: runs a statement; returns all that the cursor shows of it, its rows at the end.
        session: returns the server's number of a connection's session.
        state: of the session and the connection, as the driver shows it.
        ended: closes a connection and uses it once more; returns what is seen of that.
        lost: what a lost connection raises, besides `module.Error`.
        streamed: opens a cursor whose rows are on their way, if the driver can tell of their loss.
        streamed_lost: what it raises then.
        fetches: the cursor's methods that read those rows.
        converting: other arguments of `connect`, with which it shows values as something else.
        quiet: arguments of `connect` with which the driver itself asks nothing after the login.
        for_items: arguments of `connect` that the features need.
        options: arguments of every `connect`.
        spanned: the query spans that features make, by the features' names.
        silent: features that show a loss by what they return.
        not_beside_upstream: features that upstream's instrumentation breaks.
        has_upstream: whether OpenTelemetry has an instrumentation of it.
    """

    id: str
    module: ModuleType
    adapter: Adapter
    features: Mapping[str, Feature]
    on_the_network: Mapping[str, Feature]
    executed: Callable[..., tuple[Any, ...]]
    session: Callable[[Any], int]
    state: Callable[[Any], tuple[Any, ...]]
    ended: Callable[[Cluster, Any], Any]
    lost: tuple[type[Exception], ...] = ()
    streamed: Callable[[Any], Any] | None = None
    streamed_lost: type[Exception] = Exception
    fetches: tuple[str, ...] = ("fetchone", "fetchmany", "fetchall")
    converting: Mapping[str, Any] = field(default_factory=dict)
    quiet: Mapping[str, Any] = field(default_factory=dict)
    for_items: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    spanned: Mapping[str, list[str]] = field(default_factory=lambda: {"executemany": ["INSERT"]})
    silent: frozenset[str] = frozenset()
    not_beside_upstream: frozenset[str] = frozenset()
    has_upstream: bool = True

    def connect(self, cluster: Cluster, target: str = "writer", **others: Any) -> Any:
        """Connect as an application does."""
        return self.module.connect(**{**arguments(cluster, target), **self.options, **others})

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
