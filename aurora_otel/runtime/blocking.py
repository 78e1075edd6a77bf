"""Carries steps out in the calling thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextvars import copy_context
from typing import Any, TypeVar

from aurora_otel.runtime.effects import Ask, Effect, Pause, Reconnect, Steps
from aurora_otel.runtime.shield import run_as_agent

T = TypeVar("T")


def run(steps: Steps[T]) -> T:
    """Carry out `steps`; return what they return, and raise what they raise."""
    try:
        effect = next(steps)
        while True:
            try:
                outcome = _carry_out(effect)
            except BaseException as error:  # noqa: BLE001, PERF203 - for the steps
                effect = steps.throw(error)
            else:
                effect = steps.send(outcome)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        # A signal handler may have raised between two of them.
        steps.close()


def run_within(
    steps: Steps[T], connect_later: Callable[[Generator[Any, Any, Any]], Any]
) -> Generator[Any, Any, T]:
    """As `run`, inside a driver's generator, where connects are generators, too.

    Args:
        steps: the steps.
        connect_later: carries out any connect but the first, which becomes part of this generator.
    """
    is_first = True
    try:
        effect = next(steps)
        while True:
            try:
                if not isinstance(effect, Reconnect):
                    outcome = _carry_out(effect)
                elif is_first:
                    is_first = False
                    outcome = yield from effect.connect()
                else:
                    outcome = connect_later(effect.connect())
            except BaseException as error:  # noqa: BLE001, PERF203 - for the steps
                effect = steps.throw(error)
            else:
                effect = steps.send(outcome)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()


def _carry_out(effect: Effect) -> Any:
    if isinstance(effect, Reconnect):
        # The application's own connect, seen by its other instrumentations.
        return effect.connect()
    # In a copy of the context: a signal handler that raises cannot leave the application's changed.
    return copy_context().run(run_as_agent, _wait_for, effect)


def _wait_for(effect: Effect) -> Any:
    if isinstance(effect, Ask):
        return effect.ask(effect.connection, effect.statement, effect.timeout)
    if isinstance(effect, Pause):
        return time.sleep(max(0.0, effect.seconds))
    if isinstance(effect, Reconnect):
        raise TypeError(effect)
    return effect.gate.wait(effect.seconds)
