"""Our own connections by mariadb."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

import mariadb

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.common import libmariadb
from aurora_otel.drivers.mariadb import session
from aurora_otel.drivers.protocol import Monitor, Rows
from aurora_otel.model.endpoints import Address

# What an application wants of its own sessions only.
_LEFT_OUT = (
    "converter",
    "database",
    "init_command",
    "local_infile",
    "reconnect",
    "status_callback",
)


# An option file limits a row, which the driver reads with the interpreter's lock held; an
# application's own may have its login.
_OPTION_FILES = {"default_file", "default_group"}
_OPTIONS = str(Path(__file__).with_name("options.cnf"))


def connect(values: dict[str, Any], address: Address | None, timeout: float) -> Monitor:
    """Open a connection of the agent's own, below every patch.

    Args:
        values: the arguments of an application's connection, by name.
        address: where to; `None`: where those lead.
        timeout: seconds; the C library takes whole ones, so that connecting may take longer.

    Raises:
        TimeoutError: it took longer.
        mariadb.Error: the driver's own.
    """
    arguments = libmariadb.monitor_arguments(values, _LEFT_OUT, address, timeout)
    if not arguments.keys() & _OPTION_FILES:
        arguments["default_file"] = _OPTIONS
    with libmariadb.timing_out(timeout, mariadb.Error):
        connection = session.Unpatched(**arguments)
    session.note_session(connection)
    return _Monitor(connection)


class _Monitor(SocketMonitor):
    """Closing a connection that another thread uses would end the process: see `session`."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection, session.socket_of(connection), session.ask, session.close)
        self._at_work = threading.Lock()

    def ask(self, statement: str, timeout: float) -> Rows:
        """Run one statement."""
        with self._at_work:
            return super().ask(statement, timeout)

    def close(self) -> None:
        """Close the connection; only shut its socket down if another thread is at work."""
        if not self._at_work.acquire(blocking=False):
            self.abort()
            return
        try:
            with contextlib.suppress(mariadb.Error):
                super().close()
        finally:
            self._at_work.release()
