"""What the tests of behaviour do as an application: the same for every DB-API driver."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.support.waiting import PATIENCE

WRITE = "INSERT INTO writes (x) VALUES ('behaviour')"
READ_ONLY = "25006"


def run(connection: Any, statement: str, *params: Any) -> list[tuple[Any, ...]]:
    """Run one statement; return its rows."""
    cursor = connection.cursor()
    cursor.execute(statement, *([params] if params else []))
    return cursor.fetchall() if cursor.description else []


def write(connection: Any) -> None:
    run(connection, WRITE)
    connection.commit()


def serving(connection: Any) -> str:
    """Return the instance that serves a connection, and leave no transaction behind."""
    ((instance,),) = run(connection, "SELECT current_setting('cluster_name')")
    connection.rollback()
    return instance


def pid(connection: Any) -> int:
    return int(connection.info.backend_pid)


def sqlstate(error: Any) -> str | None:
    """Return the SQLSTATE of either driver's exception."""
    return getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)


def refused_write(connection: Any) -> Any:
    """Write where that is refused; return the driver's exception. The transaction is over."""
    error = attempt(lambda: write(connection))
    if error is not None and not connection.closed:
        attempt(connection.rollback)
    return error


def attempt(action: Callable[[], Any]) -> Exception | None:
    """Return what `action` raised, if it did."""
    try:
        action()
    except Exception as error:  # noqa: BLE001 - whatever it is, the test compares it
        return error
    return None


def notes_of(error: Any) -> list[str]:
    """Return the notes on an exception; CPython 3.10 knows none."""
    return list(getattr(error, "__notes__", ()))


class Call:
    """A call in a thread of its own, and what came of it."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.error: Exception | None = None
        self.result: Any = None
        self._action = action
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def outcome(self, within: float = PATIENCE) -> Exception | None:
        """Wait for it to end; return what it raised."""
        self._thread.join(within)
        assert self.is_over, f"the call has not returned within {within} s"
        return self.error

    def _run(self) -> None:
        try:
            self.result = self._action()
        except Exception as error:  # noqa: BLE001 - as above
            self.error = error
