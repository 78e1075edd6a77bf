"""A connection inside a long call, in another thread."""

from __future__ import annotations

from typing import Any

from aurora_otel.lab import Cluster
from tests.support.drivers.descriptors import Descriptor
from tests.support.sql import Call, attempt, run
from tests.support.waiting import eventually


class LongCall:
    """A call on the writer that the server is busy with.

    Args:
        cluster: the cluster.
        driver: of the connection.
        connection: the connection; nothing else may use it.
    """

    def __init__(self, cluster: Cluster, driver: Descriptor, connection: Any) -> None:
        self._cluster = cluster
        self._engine = driver.engine
        self._instance = cluster.writer
        self._session = driver.session(connection)
        self._call = Call(lambda: run(connection, self._engine.sleep))
        eventually(lambda: cluster.execute(self._instance, self._engine.is_busy, self._session))

    def cancel(self) -> None:
        """Have the server end the statement and notice its lost socket, unless it has by itself."""
        if self._cluster.condition(self._instance) not in ("down", "hung"):
            cancel = self._engine.cancel
            attempt(lambda: self._cluster.execute(self._instance, cancel, self._session))

    def outcome(self) -> Exception | None:
        """Wait for the call to return; return what it raised."""
        return self._call.outcome()
