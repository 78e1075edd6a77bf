"""One session of the lab's own on a server, straight on libpq.

Whatever instruments psycopg hooks its `Connection`; the lab must not show up in what it measures.
"""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, Any, TypeVar

from aurora_otel.lab.conninfo import conninfo
from aurora_otel.lab.errors import LabError, StatementError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.pq.abc import PGconn, PGresult

try:
    from psycopg import OperationalError, pq
    from psycopg.adapt import PyFormat, Transformer
except ImportError as error:
    raise LabError(
        "the lab needs psycopg: pip install 'aurora-otel[demo]' (pip 25.1 or later)"
    ) from error

_Self = TypeVar("_Self", bound="Session")


# What is not set by an empty value.
_EMPTY = frozenset({b"hostaddr", b"client_encoding", b"require_auth", b"requirepeer"})


def without_environment(text: str) -> str:
    """Return a connection string for which the shell's variables `PG…` change nothing.

    Args:
        text: libpq's connection string; what it sets stays.
    """
    given = {each.keyword for each in pq.Conninfo.parse(text.encode()) if each.val is not None}
    defaults = {
        each.keyword.decode(): (each.compiled or b"").decode()
        for each in pq.Conninfo.get_defaults()
        if each.envvar is not None
        and each.envvar.decode() in os.environ
        and each.keyword not in given
        and (each.compiled is not None or each.keyword in _EMPTY)
    }
    return f"{text} {conninfo(defaults)}"


class Session:
    """A session; a context manager.

    Args:
        text: libpq's connection string.
        timeout: seconds that connecting, and each statement, may take.

    Raises:
        StatementError: the login or a statement failed, or took too long.
    """

    def __init__(self, text: str, *, timeout: float = 10.0) -> None:
        self._timeout = timeout
        alone = without_environment(text).encode()
        self._connection: PGconn = pq.PGconn.connect_start(alone)
        try:
            self._connect()
        except BaseException:
            self._connection.finish()
            raise

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.finish()

    def run(self, statement: str, params: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, or several without parameters; returns the last one's rows.

        Args:
            statement: SQL, with `%s` for each parameter.
            params: the parameters.
        """
        connection, transformer = self._connection, Transformer()
        if params:
            for number in range(len(params)):
                statement = statement.replace("%s", f"${number + 1}", 1)
            values = transformer.dump_sequence(params, [PyFormat.AUTO] * len(params))
            connection.send_query_params(
                statement.encode(),
                values,
                param_types=transformer.types,
                param_formats=transformer.formats,
            )
        else:
            connection.send_query(statement.encode())
        last = self._finish()
        if last is None or last.status != pq.ExecStatus.TUPLES_OK:
            return []
        transformer.set_pgresult(last)
        return transformer.load_rows(0, last.ntuples, tuple)

    def _connect(self) -> None:
        deadline = time.monotonic() + self._timeout
        status = pq.PollingStatus.WRITING
        while status != pq.PollingStatus.OK:
            if status == pq.PollingStatus.FAILED:
                raise StatementError(self._message())
            reading = status == pq.PollingStatus.READING
            self._wait(select.POLLIN if reading else select.POLLOUT, deadline)
            status = pq.PollingStatus(self._connection.connect_poll())

    def _finish(self) -> PGresult | None:
        deadline = time.monotonic() + self._timeout
        last: PGresult | None = None
        failed: PGresult | None = None
        while True:
            while self._connection.is_busy():
                self._wait(select.POLLIN, deadline)
                self._read()
            result = self._connection.get_result()
            if result is None:
                break
            last = result
            if result.status == pq.ExecStatus.FATAL_ERROR:
                failed = result
        if failed is not None:
            state = failed.error_field(pq.DiagnosticField.SQLSTATE)
            raise StatementError(
                failed.get_error_message(), None if state is None else state.decode()
            )
        return last

    def _read(self) -> None:
        try:
            self._connection.consume_input()
        except OperationalError as error:
            raise StatementError(str(error)) from error

    def _wait(self, event: int, deadline: float) -> None:
        if self._connection.status == pq.ConnStatus.BAD:
            raise StatementError(self._message())
        poll = select.poll()
        poll.register(self._connection.socket, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise StatementError(f"no answer within {self._timeout} s")

    def _message(self) -> str:
        return self._connection.error_message.decode(errors="replace").strip()
