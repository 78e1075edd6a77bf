"""One proxied connection: a client, a server, and what passes between them."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from typing import TYPE_CHECKING

from aurora_otel.lab.filters import Action, chain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aurora_otel.lab.filters import Filter

_CHUNK = 65536
_CHECK_EVERY = 0.1
_RESET = struct.pack("ii", 1, 0)


class Link:
    """A client's connection through the gateway.

    Args:
        places: the endpoint that it came in by and the instance that it goes to; none if it came
            in by the instance's own address.
        client: the client's side.
        gate: awaited before anything passes.
    """

    def __init__(
        self, places: tuple[str, ...], client: socket.socket, gate: Callable[[], Awaitable[None]]
    ) -> None:
        self.places = places
        self.filter: Filter | None = None
        self._filters: tuple[Filter, ...] = ()
        self._gate = gate
        self._hung = False
        self._client = client
        self._server: socket.socket | None = None
        self._pumps: list[asyncio.Future[None]] = []

    async def run(
        self, address: tuple[str, int], filter_: Filter | None, surface: Filter | None
    ) -> None:
        """Connect to the server and passes bytes until the server closes, or either side breaks.

        Args:
            address: the server's.
            filter_: what a rule wants to see every byte.
            surface: what makes the server speak Aurora's SQL.
        """
        self.filter = filter_
        self._filters = tuple(item for item in (filter_, surface) if item)
        self._server = server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for side in (self._client, server):
            side.settimeout(0)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(server, address)
        self._pumps = [
            asyncio.ensure_future(self._pass_on_requests(server)),
            asyncio.ensure_future(self._pump(server, self._client, self._from_server)),
        ]
        try:
            await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)

    def reset(self) -> None:
        """Close both sides with a reset instead of a farewell."""
        for side in (self._client, self._server):
            if side is not None and side.fileno() >= 0:
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        for pump in self._pumps:
            pump.cancel()
        if not self._pumps:
            self.close()

    def close(self) -> None:
        """Close both sides."""
        for side in (self._client, self._server):
            if side is not None:
                side.close()

    def _from_client(self, data: bytes) -> Action:
        return chain([item.from_client for item in self._filters], data)

    def _from_server(self, data: bytes) -> Action:
        return chain([item.from_server for item in reversed(self._filters)], data)

    async def _pass_on_requests(self, server: socket.socket) -> None:
        await self._pump(self._client, server, self._from_client)
        # Who asks nothing more may still wait for an answer.
        server.shutdown(socket.SHUT_WR)
        await asyncio.get_running_loop().create_future()

    async def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        judge: Callable[[bytes], Action],
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data = await loop.sock_recv(source, _CHUNK)
            if self._hung:
                await loop.create_future()
            await self._gate()  # a farewell is held up like any byte
            if not data:
                return
            action = judge(data)
            await self._send(source, action.reply, source)
            await self._send(sink, action.forward, source)
            self._hung = self._hung or action.hang

    async def _send(self, sink: socket.socket, data: bytes, source: socket.socket) -> None:
        """Send all of `data`, unless the one who sent it hangs up meanwhile.

        Who waits for a full receiver does not read, and so would not see the sender go.
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[sink.send(rest) :]
            except BlockingIOError:  # noqa: PERF203 -- each piece may have to wait
                if not await _writable(sink) and _hung_up(source):
                    # A farewell would wait behind the bytes that are not read.
                    sink.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    raise ConnectionResetError from None


async def _writable(side: socket.socket) -> bool:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()  # cancelled as soon as it can be written to
    loop.add_writer(side, ready.cancel)
    try:
        done, _ = await asyncio.wait([ready], timeout=_CHECK_EVERY)
    finally:
        loop.remove_writer(side)
    return bool(done)


def _hung_up(side: socket.socket) -> bool:
    poll = select.poll()
    poll.register(side, select.POLLRDHUP)
    return bool(poll.poll(0))
