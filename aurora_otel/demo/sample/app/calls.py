"""The calls of one client, each reported with how it ended.

They are context managers around what a thread does and what a task awaits: the driver's errors end
here, and what the client has to know of them is left behind.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from .report import Report

RECONNECT_AFTER = 0.1
"""Seconds after a connect that failed."""


class Database(Protocol):
    """What the errors of a driver, or of a pool, mean.

    Attributes:
        error: what it raises for trouble with the server or the network.
    """

    error: Any

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver takes the connection for closed."""

    def refused(self, error: Any) -> bool:
        """Return whether the server is no writer."""

    def described(self, error: Any) -> str:
        """Return the error's type, number and message."""


class Connect:
    """A connect: the number of its connection, and whether it worked."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_done = False


class Write:
    """A write: on which connection, once that is known, and whether it was lost with it."""

    def __init__(self, call: dict[str, Any], report: Report) -> None:
        self.connection: Any = None
        self.is_lost = False
        self._call = call
        self._report = report

    def on(self, connection: Any, number: int | None = None) -> Any:
        """Note the connection, by default one that a pool hands out; return it."""
        self._call["connection"] = self._report.connection() if number is None else number
        self.connection = connection
        return connection


class Calls:
    """The calls of one client.

    Args:
        client: its name.
        database: which it uses.
        report: takes them.
    """

    def __init__(self, client: str, database: Database, report: Report) -> None:
        self._client = client
        self._database = database
        self._report = report

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connect]:
        """Run the block, which opens a connection."""
        connect = Connect(self._report.connection())
        call = self._report.begin("connect", self._client, connect.number)
        try:
            yield connect
        except self._database.error as error:
            self._report.end(call, "connect_failed", self._database.described(error))
        else:
            connect.is_done = True
            self._report.end(call, "connected")

    @contextlib.contextmanager
    def write(self) -> Iterator[Write]:
        """Run the block, which says on which connection it writes, and writes."""
        call = self._report.begin("write", self._client, 0)
        write = Write(call, self._report)
        try:
            yield write
        except self._database.error as error:
            outcome = self._outcome(error, write.connection)
            write.is_lost = outcome == "closed"
            self._report.end(call, outcome, self._database.described(error))
        else:
            self._report.end(call, "ok")

    def _outcome(self, error: Any, connection: Any) -> str:
        if connection is None:
            return "failed"
        if self._database.refused(error):
            return "refused"
        return "closed" if self._database.is_closed(connection) else "failed"
