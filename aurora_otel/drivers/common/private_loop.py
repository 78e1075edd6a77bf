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

from aurora_otel.drivers.protocol import Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import sockets

T = TypeVar("T")


class _Loop(asyncio.SelectorEventLoop):
    """Resolves names in its thread: the executor of a loop has threads that exits wait for."""

    async def getaddrinfo(self, *args: Any, **kwargs: Any) -> Any:
        return socket.getaddrinfo(*args, **kwargs)


class LoopMonitor:
    """A `Monitor` over a connection of a driver for event loops.

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

    def __init__(
        self,
        connect: Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, Any]],
        fileno: Callable[[Any], int],
        ask: Callable[[Any, str, float], Awaitable[Rows]],
        discard: Callable[[Any], None],
        timeout: float,
    ) -> None:
        self._ask = ask
        self._discard = discard
        self._loop = _Loop()
        try:
            self._connection = self._run(_within(connect(self._loop), timeout))
        except BaseException:
            self._loop.close()
            raise
        self._socket = sockets.identify(fileno(self._connection))

    @property
    def peer(self) -> Address | None:
        """The network address at its other end, if that is known."""
        return sockets.peer(self._socket.fd) if self._socket else None

    def ask(self, statement: str, timeout: float) -> Rows:
        """Run one statement; as `Monitor.ask`."""
        return self._run(self._ask(self._connection, statement, timeout))

    def close(self) -> None:
        """Close the connection, and the loop."""
        with contextlib.suppress(Exception):
            self._discard(self._connection)
            # The transport closes its socket in the next round of the loop.
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def abort(self) -> None:
        """Shut the socket down, which makes an `ask` fail."""
        sockets.shut_down(self._socket)

    def _run(self, awaitable: Awaitable[T]) -> T:
        return self._loop.run_until_complete(awaitable)


async def _within(connecting: Coroutine[Any, Any, T], timeout: float) -> T:
    try:
        return await asyncio.wait_for(connecting, timeout)
    except asyncio.TimeoutError as error:
        # Another class, up to Python 3.10.
        raise TimeoutError from error
