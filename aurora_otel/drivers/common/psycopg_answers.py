"""What psycopg's connections, for threads and for event loops, are asked below their own state.

No BEGIN, no adapters, nothing prepared. An answer that is late is left for the connection's next
call, which reads it before it begins.
"""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Callable, Generator
from typing import Any

import psycopg
from psycopg import generators, pq, waiting

from aurora_otel.drivers.common.deadline import Meter, deadline
from aurora_otel.drivers.protocol import Rows
from aurora_otel.runtime import receiving, sockets

# How often a wait comes back to Python, for signals and for our deadline: seconds.
INTERVAL = 0.05
# The first read brings 16 KiB at most, all of an Aurora's answer. A later one may go on for as long
# as something comes, in one call into C. Where a thread may be held up for a moment, nothing comes
# in meanwhile; on a loop, another one has to watch that.
_WATCHED_READ = 2


class UnfinishedError(TimeoutError):
    """Part of an answer came in time."""


def ask(connection: Any, statement: str, timeout: float) -> Rows:
    """Run a statement; as `Driver.ask`."""
    # Before anything is sent: a failure here must leave no answer on the connection.
    sock = sockets.identify(fileno(connection))
    try:
        # A signal handler may raise from here on, and the server answers all the same.
        execution = _execution(connection, statement, timeout, sock, may_pause=True)
        results = waiting.wait(execution, connection.pgconn.socket, interval=INTERVAL)
    except UnfinishedError:
        # What is left of it may have no end.
        discard(connection)
        raise
    except BaseException:
        vars(connection)["wait"] = _postponing(connection)
        raise
    return _rows(results)


async def ask_on_loop(connection: Any, statement: str, timeout: float) -> Rows:
    """Run a statement on an `AsyncConnection`; as `Driver.ask`."""
    sock = sockets.identify(fileno(connection))
    try:
        execution = _execution(connection, statement, timeout, sock)
        results = await _wait_on_loop(execution, connection.pgconn.socket)
    except UnfinishedError:
        discard(connection)
        raise
    except BaseException:
        vars(connection)["wait"] = _postponing_on_loop(connection)
        raise
    return _rows(results)


def fileno(connection: Any) -> int:
    """Return libpq's descriptor, -1 once the connection is gone."""
    return -1 if connection.closed else int(connection.pgconn.socket)


def discard(connection: Any) -> None:
    """Finish a connection on libpq's level, past the hook on `close`."""
    connection._closed = True  # noqa: SLF001 - else its __del__ warns of a leak
    connection.pgconn.finish()


def limited(
    generator: Generator[Any, Any, Any],
    until: float,
    meter: Meter | None = None,
    *,
    may_pause: bool = False,
) -> Generator[Any, Any, Any]:
    """Drive a generator of psycopg's within limits.

    Args:
        generator: the generator.
        until: when it must have ended, in seconds of the monotonic clock.
        meter: of the socket of an answer that is to have an end.
        may_pause: whether the calling thread may be held up for a moment, by long answers alone.

    Raises:
        TimeoutError: it has come to `until`.
        UnfinishedError: it has, or the socket has received too many bytes; part of an answer came.
    """
    reads = 0
    try:
        with contextlib.closing(generator), contextlib.ExitStack() as watched:
            try:
                state = next(generator)
                while True:
                    ready = yield state
                    # After an interrupt psycopg comes back with nothing; before 3.2.11 it says
                    # at times that something came where nothing has.
                    is_readable = bool(ready and ready & waiting.Ready.R)
                    is_read = is_readable and (meter is None or meter.has_to_read)
                    reads += is_read
                    # Also while something comes: an answer may have no end. But it may be there as
                    # a whole, and have come in time: a thread may be held up meanwhile.
                    left = until - time.monotonic()
                    if left <= 0 and not (is_read and reads == 1):
                        raise TimeoutError
                    if meter is None or meter.sock is None or reads < _WATCHED_READ:
                        state = generator.send(ready)
                    elif may_pause and meter.counts:
                        meter.check_before_reading_on()
                        with receiving.paused(meter.sock.fd):
                            meter.check()
                            state = generator.send(ready)
                    else:
                        if reads == _WATCHED_READ:
                            watched.enter_context(deadline(meter.sock, left, psycopg.Error))
                        state = generator.send(ready)
            except StopIteration as end:
                return end.value
    except TimeoutError as error:
        if reads:
            raise UnfinishedError from error
        raise


def _execution(
    connection: Any,
    statement: str,
    timeout: float,
    sock: sockets.SocketId | None,
    *,
    may_pause: bool = False,
) -> Generator[Any, Any, Any]:
    # Before it is sent: the answer may be there at once.
    meter = Meter(sock)
    connection.pgconn.send_query(statement.encode())
    executing = generators.execute(connection.pgconn)
    return limited(executing, time.monotonic() + timeout, meter, may_pause=may_pause)


async def _wait_on_loop(execution: Generator[Any, Any, Any], fileno: int) -> Any:
    try:
        return await waiting.wait_async(execution, fileno, interval=INTERVAL)
    except psycopg.OperationalError as error:
        # psycopg takes any OSError for a lost socket.
        if isinstance(error.__cause__, TimeoutError):
            raise error.__cause__ from None
        raise


def _rows(results: Any) -> Rows:
    result = results[-1]
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise psycopg.errors.error_from_result(result)
    return [
        [_text(result.get_value(row, column)) for column in range(result.nfields)]
        for row in range(result.ntuples)
    ]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def read_late_answer(connection: Any, generator: Any) -> None:
    """Read the agent's answer, if it is late, before a call runs `generator`.

    In a wait of its own: psycopg goes on with what an interrupt has ended, and that must not be the
    application's statement.
    """
    if _has_to_wait(connection, generator):
        type(connection).wait(connection, _late_answer(connection))


async def read_late_answer_on_loop(connection: Any, generator: Any) -> None:
    """Do the same for an `AsyncConnection`."""
    if _has_to_wait(connection, generator):
        await type(connection).wait(connection, _late_answer(connection))


def _has_to_wait(connection: Any, generator: Any) -> bool:
    is_late = connection.pgconn.transaction_status == pq.TransactionStatus.ACTIVE
    is_reading = getattr(generator, "gi_code", None) is _late_answer.__code__
    return is_late and "wait" in vars(connection) and not is_reading


def _postponing(connection: Any) -> Callable[..., Any]:
    """Return a `wait`, which all calls pass, that first reads the agent's answer."""
    there = weakref.ref(connection)

    def wait(generator: Any, *args: Any, **kwargs: Any) -> Any:
        connection: Any = there()
        read_late_answer(connection, generator)
        vars(connection).pop("wait", None)
        return type(connection).wait(connection, generator, *args, **kwargs)

    return wait


def _postponing_on_loop(connection: Any) -> Callable[..., Any]:
    there = weakref.ref(connection)

    async def wait(generator: Any, *args: Any, **kwargs: Any) -> Any:
        connection: Any = there()
        await read_late_answer_on_loop(connection, generator)
        vars(connection).pop("wait", None)
        return await type(connection).wait(connection, generator, *args, **kwargs)

    return wait


def _late_answer(connection: Any) -> Generator[Any, Any, Any]:
    """Read what is left of the agent's answer: for as long as it takes, but within its bytes."""
    meter = Meter(sockets.identify(int(connection.pgconn.socket)))
    try:
        yield from limited(generators.execute(connection.pgconn), float("inf"), meter)
    except TimeoutError:
        connection.pgconn.finish()
        raise psycopg.OperationalError("the connection is lost") from None
