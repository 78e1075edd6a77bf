"""How long does it take to invalidate many idle connections?"""

from __future__ import annotations

import contextlib
import resource
import socket
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from benchmarks import null
from benchmarks.apart import SPAWN, apart
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Figure, Lines, Spread

TITLE = "Invalidating idle connections"

COUNT = 10_000
HUNG = 100
# Times a bare shutdown of as many sockets.
LIMIT = 6.0


def measure(bench: Bench) -> Answer:
    """Invalidate TCP connections over loopback, some of them to a peer that reads nothing."""
    counts = (1_000, COUNT) if bench.quick else (1_000, COUNT // 2, COUNT)
    times = {count: [apart(_measure, count) for _ in range(bench.pick(5, 1))] for count in counts}
    ours = {count: Spread.of([ours for ours, _ in found]) for count, found in times.items()}
    bare = Spread.of([bare for _, bare in times[COUNT]])
    ratio = Spread.of([ours / bare for ours, bare in times[COUNT]])
    name = f"{COUNT:,} connections, {HUNG} of them to a peer that hangs"
    figures = (
        Figure(f"{name}: of the bare shutdown", ratio, "times", LIMIT),
        Figure(name, ours[COUNT], "s"),
        Figure("the bare shutdown of as many sockets", bare, "s"),
    )
    series = {"ours": tuple(ours[count].middle for count in counts)}
    return Answer(figures, Lines("seconds", "connections", counts, series))


def _measure(count: int) -> tuple[float, float]:
    _lift_limit()
    with _peer() as address:
        ours = _ours([socket.create_connection(address) for _ in range(count)])
    with _peer() as address:
        return ours, _bare([socket.create_connection(address) for _ in range(count)])


@contextlib.contextmanager
def _peer() -> Iterator[Any]:
    """Have a process accept whatever connects, and never read."""
    listener = socket.socket()
    # Small buffers, to be filled at once.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    peer = SPAWN.Process(target=_accept, args=(listener,), daemon=True)
    peer.start()
    try:
        yield listener.getsockname()
    finally:
        peer.kill()
        peer.join()
        listener.close()


def _lift_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _ours(sockets: list[socket.socket]) -> float:
    for hung in sockets[:HUNG]:
        _fill(hung)
    agent = null.start()
    members = ("lab-1", "lab-2")
    first = null.track(agent, null.Connection("lab-1"))
    null.judge(first, "lab-1", members)
    held = [null.track(agent, null.Connection("lab-1", each)) for each in sockets]
    # As the background loop does within a second: these have been idle for longer.
    agent.tracker.drain()
    began = perf_counter()
    null.judge(first, "lab-2", members)
    seconds = perf_counter() - began
    for each in sockets:
        # Shut down: there is an end of file, and no wait for the peer.
        each.settimeout(0)
        if each.recv(1) != b"":
            raise RuntimeError("a stale connection was left open")
        each.close()
    # They had to live until now.
    del held
    return seconds


def _bare(sockets: list[socket.socket]) -> float:
    began = perf_counter()
    for each in sockets:
        each.shutdown(socket.SHUT_RDWR)
    return perf_counter() - began


def _fill(sock: socket.socket) -> None:
    """Send until the peer, which reads nothing, takes no more."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    sock.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.send(bytes(1 << 16))
    sock.settimeout(None)


def _accept(listener: socket.socket) -> Any:
    _lift_limit()
    held = []
    while True:
        held.append(listener.accept())
