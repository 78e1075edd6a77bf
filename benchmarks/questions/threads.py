"""Do threads, or tasks of an event loop, get in each other's way in our code?"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from time import process_time, thread_time
from typing import Any

from aurora_otel.drivers.common import async_watching
from aurora_otel.drivers.common.watching import watch
from aurora_otel.drivers.protocol import Failure
from benchmarks import null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.contenders import OURS, PLAIN
from benchmarks.figures import Answer, Figure, Lines, Spread
from benchmarks.floor import OF_EMPTY, empty, empty_coroutine
from benchmarks.measure import Block, Effort, Rounds, in_turn

TITLE = "Threads and tasks on the hot path"

COUNTS = (1, 8, 64, 512)
YARDSTICK = "empty wrapper"
# Calls of each thread, at least: its first one takes longer.
_LEAST = 500


def measure(bench: Bench) -> Answer:
    """Measure what is added to a null call while so many threads call."""
    effort = bench.effort(60, 0.05)
    counts = COUNTS[:-1] if bench.quick else COUNTS
    measured = {count: apart(_measure, count, effort) for count in counts}
    for count, rounds in measured.items():
        bench.keep(f"null method in {count} threads", rounds)
    added = {count: rounds.added(OURS, PLAIN) * 1e6 for count, rounds in measured.items()}
    figures: list[Figure] = []
    tasks: dict[int, Spread] = {}
    for count, rounds in measured.items():
        title = f"added to a null call, {count} threads"
        times = rounds.added(OURS, PLAIN) * (1 / rounds.added(YARDSTICK, PLAIN).middle)
        figures.append(Figure(f"{title}: of what an empty wrapper adds", times, "times", OF_EMPTY))
        figures.append(Figure(title, added[count], "µs"))
    for count in counts:
        rounds = apart(_measure_tasks, count, bench.effort(60, 0.02))
        bench.keep(f"null method in {count} tasks", rounds)
        tasks[count] = rounds.added(OURS, PLAIN) * 1e6
        title = f"added to a null call, {count} tasks"
        times = rounds.added(OURS, PLAIN) * (1 / rounds.added(YARDSTICK, PLAIN).middle)
        figures.append(Figure(f"{title}: of what an empty wrapper adds", times, "times", OF_EMPTY))
        figures.append(Figure(title, tasks[count], "µs"))
    series = {
        f"added by {OURS}": tuple(added[count].middle for count in counts),
        f"added by {OURS}, in tasks": tuple(tasks[count].middle for count in counts),
        f"{PLAIN}": tuple(measured[count].spread(PLAIN).middle * 1e6 for count in counts),
    }
    notes = (
        "The hot path takes no lock; what threads share there is the interpreter's own. The time"
        " is the processor's while the calls of all go on, divided by them; without the start of"
        " the threads, which takes longer where there are hundreds."
    )
    return Answer(tuple(figures), Lines("µs per call", "threads or tasks", counts, series), notes)


def _measure(count: int, effort: Effort) -> Rounds:
    agent = null.start()
    plain = null.Connection.call
    ours = watch(
        agent.hooks,
        plain,
        errors=OSError,
        failure_of=lambda *_: Failure(None, lost=False),
    )
    connections = [null.track(agent, null.Connection("lab-1")) for _ in range(count)]

    def block(method: Callable[[Any], None]) -> Block:
        def run(loops: int) -> float:
            start = threading.Barrier(count)
            each_loops = max(loops // count + 1, _LEAST)
            taken: list[float] = []

            def work(connection: null.Connection) -> None:
                start.wait()
                began = thread_time()
                for _ in range(each_loops):
                    method(connection)
                taken.append(thread_time() - began)

            threads = [threading.Thread(target=work, args=(each,)) for each in connections]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return sum(taken) * loops / (each_loops * count)

        return run

    blocks = {PLAIN: block(plain), YARDSTICK: block(empty(plain)), OURS: block(ours)}
    return in_turn(blocks, effort)


class _Awaited(null.Connection):
    async def await_call(self) -> None:
        """Do nothing."""


def _measure_tasks(count: int, effort: Effort) -> Rounds:
    agent = null.start()
    plain, failure = _Awaited.await_call, Failure(None, lost=False)
    ours = async_watching.watch(agent.hooks, plain, errors=OSError, failure_of=lambda *_: failure)
    connections = [null.track(agent, _Awaited("lab-1")) for _ in range(count)]

    def block(method: Callable[[Any], Any]) -> Block:
        def run(loops: int) -> float:
            each_loops = loops // count + 1

            async def work(connection: null.Connection) -> None:
                for _ in range(each_loops):
                    await method(connection)

            async def work_all() -> float:
                tasks = [asyncio.ensure_future(work(each)) for each in connections]
                began = process_time()
                await asyncio.gather(*tasks)
                return process_time() - began

            return asyncio.run(work_all()) * loops / (each_loops * count)

        return run

    blocks = {PLAIN: block(plain), YARDSTICK: block(empty_coroutine(plain)), OURS: block(ours)}
    return in_turn(blocks, effort)
