"""A connection of the agent's own by a driver for event loops, on a thread without one.

Its loop runs only while the connection is opened or asked: it neither needs the application's, nor
waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from aurora_otel.drivers.base import SocketMonitor
from aurora_otel.drivers.protocol import Rows
from aurora_otel.runtime import sockets

T = TypeVar("T")


class _Loop(asyncio.SelectorEventLoop):
    """Resolves names in its thread: the executor of a loop has threads that exits wait for."""

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        return socket.getaddrinfo(*args, **kwargs)


def connected(
    connect: Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, Any]],
    fileno: Callable[[Any], int],
    ask: Callable[[Any, str, float], Awaitable[Rows]],
    discard: Callable[[Any], None],
    timeout: float,
) -> SocketMonitor:
    """Return a `Monitor` over a connection of a driver for event loops.

    Args:
        connect: opens the connection, below every patch; called with the loop.
        fileno: returns a connection's descriptor.
        ask: runs a statement on a connection, as `Driver.ask`.
        discard: drops a connection; never raises.
        timeout: seconds that connecting may take.

    Raises:
        TimeoutError: it took longer.
        Exception: the driver's own.
    """
    loop = _Loop()
    try:
        connection = loop.run_until_complete(_within(connect(loop), timeout))
    except BaseException:
        loop.close()
        raise

    def ask_on_loop(connection: Any, statement: str, timeout: float) -> Rows:
        return loop.run_until_complete(ask(connection, statement, timeout))

    def close(connection: Any) -> None:
        with contextlib.suppress(Exception):
            discard(connection)
            # The transport closes its socket in the next round of the loop.
            loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    return SocketMonitor(connection, sockets.identify(fileno(connection)), ask_on_loop, close)


async def _within(connecting: Coroutine[Any, Any, T], timeout: float) -> T:
    try:
        return await asyncio.wait_for(connecting, timeout)
    except asyncio.TimeoutError as error:
        # Another class, up to Python 3.10.
        raise TimeoutError from error
