"""Connections inside a long call, each in another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from aurora_otel.lab import Cluster
from tests.support.drivers.descriptors import Descriptor
from tests.support.sql import Call, attempt, run
from tests.support.waiting import eventually


class LongCall:
    """A call on the writer that the server is busy with.

    Attributes:
        connection: its connection.

    Args:
        cluster: the cluster.
        driver: of the connection.
        connection: the connection; nothing else may use it.
        action: one of the driver's `copies`; by default, a statement that takes long.
    """

    def __init__(
        self,
        cluster: Cluster,
        driver: Descriptor,
        connection: Any,
        action: Callable[..., object] | None = None,
    ) -> None:
        self.connection = connection
        self._cluster = cluster
        self._engine = driver.engine
        self._instance = cluster.writer
        self._session = driver.session(connection)
        self._is_over = threading.Event()
        act = action or (lambda connection, _: run(connection, self._engine.sleep))
        self._call = Call(lambda: act(connection, self._is_over.is_set))
        busy = (self._engine.is_busy, self._session)
        eventually(lambda: cluster.execute(self._instance, *busy))

    def cancel(self) -> None:
        """Have the server end the statement and notice its lost socket, unless it has by itself.

        What the application sends ends, too.
        """
        self._is_over.set()
        if self._cluster.condition(self._instance) not in ("down", "hung"):
            cancel = self._engine.cancel
            attempt(lambda: self._cluster.execute(self._instance, cancel, self._session))

    def outcome(self) -> Exception | None:
        """Wait for the call to return; return what it raised."""
        return self._call.outcome()


def one_of_each(cluster: Cluster, driver: Descriptor, connect: Callable[[], Any]) -> list[LongCall]:
    """Begin one long call of each kind: a statement, and what the driver has of COPY."""
    actions = (None, *driver.copies.values())
    return [LongCall(cluster, driver, connect(), action) for action in actions]
