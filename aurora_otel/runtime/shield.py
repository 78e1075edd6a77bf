"""No failure of the agent reaches the application: the shield around its hooks and threads.

It also knows whether the current thread is inside the agent's code. A hook can run there too, out
of a weakref callback in any allocation of it, and must then do no more than take a note.

What a signal handler of the application raises is not the agent's, wherever it strikes: it goes on
to the application. Celery's soft time limits and many time-outs work like that.
"""

from __future__ import annotations

import signal
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from opentelemetry.instrumentation.utils import suppress_instrumentation

from aurora_otel.runtime.effects import Effect, Steps

_OURS = str(Path(__file__).parents[1])
# Not a `threading.local`: one that was made before gevent replaced it is shared by all greenlets.
_inside: ContextVar[bool] = ContextVar("aurora_otel_inside", default=False)

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Shield:
    """Swallows and counts the agent's own failures, each kind reported once.

    Args:
        report: reports a failure: what was being done, the error's type, and the agent's
            own frames.
    """

    def __init__(self, report: Callable[[str, str, list[str]], None]) -> None:
        self.failures: Counter[str] = Counter()
        self._report = report

    @property
    def is_inside(self) -> bool:
        """Whether the current thread is inside the agent's code."""
        return _inside.get()

    def run(
        self, where: str, action: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T | None:
        """Call `action` as the agent's own code: an exception in it goes no further.

        No context manager: between a call that ends and an `__exit__` that begins, a signal
        handler may raise, and the thread would be inside the agent's code for ever.

        Args:
            where: what is being done, for the log.
            action: does it.
            args: its arguments.
            kwargs: its arguments.

        Returns:
            what it returns; `None` if it failed.
        """
        before = _inside.get()
        try:
            _inside.set(True)
            return action(*args, **kwargs)
        except Exception as error:
            if is_from_signal_handler(error):
                raise
            self.note(where, error)
            return None
        finally:
            _inside.set(before)

    def steps(
        self, where: str, action: Callable[_P, Steps[_T]], *args: _P.args, **kwargs: _P.kwargs
    ) -> Steps[_T | None]:
        """As `run`, for steps: each is the agent's code, what they wait for is not.

        Args:
            where: what is being done, for the log.
            action: makes the steps.
            args: its arguments.
            kwargs: its arguments.

        Returns:
            what the steps return; `None` if they failed.
        """
        steps = self.run(where, action, *args, **kwargs)
        if steps is None:
            return None
        try:
            return (yield from self._each(where, steps))
        finally:
            # Else they would be closed as garbage some time, where what a signal raises is lost.
            steps.close()

    def _each(self, where: str, steps: Steps[_T]) -> Steps[_T | None]:
        resume: Callable[[Any], Effect] = steps.send
        outcome: Any = None
        while True:
            before = _inside.get()
            try:
                _inside.set(True)
                effect = resume(outcome)
            except StopIteration as end:
                result: _T = end.value
                return result
            except Exception as error:
                if is_from_signal_handler(error):
                    raise
                self.note(where, error)
                return None
            finally:
                _inside.set(before)
            try:
                outcome = yield effect
                resume = steps.send
            except BaseException as error:  # noqa: BLE001 - for the steps to judge
                resume, outcome = steps.throw, error

    def note(self, where: str, error: Exception) -> None:
        """Count a failure of the agent's own, and report the first of its kind.

        Args:
            where: what was being done.
            error: what went wrong; only its type and the agent's own frames are reported.
        """
        kind = f"{where}: {type(error).__qualname__}"
        self.failures[kind] += 1
        if self.failures[kind] == 1:
            self._report(where, type(error).__qualname__, _frames(error))


def run_as_agent(action: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call `action` as the agent's code, which nothing instruments; in a context of its own."""
    _inside.set(True)
    with suppress_instrumentation():
        return action(*args, **kwargs)


async def await_as_agent(awaitable: Awaitable[_T]) -> _T:
    """Await something as the agent's code, which nothing instruments."""
    before = _inside.get()
    try:
        _inside.set(True)
        with suppress_instrumentation():
            return await awaitable
    finally:
        _inside.set(before)


def is_from_signal_handler(error: Exception) -> bool:
    """Return whether a signal handler of the application raised `error`."""
    handlers = {
        getattr(getattr(handler, "__func__", handler), "__code__", None)
        for handler in map(signal.getsignal, signal.valid_signals())
    } - {None}
    return any(frame.f_code in handlers for frame, _ in traceback.walk_tb(error.__traceback__))


def _frames(error: Exception) -> list[str]:
    """Return the agent's own frames; a driver's, or a source line, could quote a secret."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(_OURS)
    ]
