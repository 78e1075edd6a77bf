"""Carries steps out on an asyncio event loop, which they never block."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import Any, TypeVar

from aurora_otel.runtime.effects import Ask, Effect, Pause, Reconnect, Steps
from aurora_otel.runtime.gate import Gate
from aurora_otel.runtime.shield import await_as_agent

T = TypeVar("T")

_may_wait: ContextVar[bool] = ContextVar("aurora_otel_may_wait", default=True)


async def run(steps: Steps[T]) -> T:
    """Carry out `steps`; return what they return, and raise what they raise.

    A cancellation is raised where the steps wait, and ends them at once.
    """
    try:
        effect = next(steps)
        while True:
            try:
                outcome = await _carry_out(effect)
            except BaseException as error:  # noqa: BLE001, PERF203 - for the steps
                effect = steps.throw(error)
            else:
                effect = steps.send(outcome)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()


async def without_waiting(awaitable: Awaitable[T]) -> T:
    """Await something in which no call waits for an answer of the agent's: its time is up at once.

    For code of a library that takes what it finds after an error for what it had before it.
    """
    before = _may_wait.get()
    try:
        _may_wait.set(False)
        return await awaitable
    finally:
        _may_wait.set(before)


async def _carry_out(effect: Effect) -> Any:
    if isinstance(effect, Ask):
        answer = effect.ask(effect.connection, effect.statement, effect.timeout)
        return await await_as_agent(answer)
    if isinstance(effect, Reconnect):
        # Neither as the agent nor uninstrumented: a connection's callbacks keep the context that
        # it was opened in.
        return await effect.connect()
    if isinstance(effect, Pause):
        return await asyncio.sleep(max(0.0, effect.seconds))
    return _may_wait.get() and await _opened(effect.gate, effect.seconds)


async def _opened(gate: Gate, seconds: float) -> bool:
    """Wait until a thread opens `gate`, for so many seconds at most; return whether it is open."""
    loop = asyncio.get_running_loop()
    settled: asyncio.Future[bool] = loop.create_future()

    def settle(is_open: bool) -> None:  # noqa: FBT001 - called by the loop
        # It may have been cancelled, or settled before.
        if not settled.done():
            settled.set_result(is_open)

    def notify_loop() -> None:
        # A loop that is closed has no coroutine left that waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, True)  # noqa: FBT003 - as above

    timer = loop.call_later(max(0.0, seconds), settle, False)  # noqa: FBT003 - as above
    try:
        gate.notify(notify_loop)
        return await settled
    finally:
        timer.cancel()
