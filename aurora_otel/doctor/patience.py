"""A limit for what knows none: name servers, and some drivers' logins."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Thread
from typing import TypeVar

_Result = TypeVar("_Result")


def within(seconds: float, task: Callable[[], _Result]) -> _Result:
    """Return what `task` returns, or raise what it raises.

    It runs on a thread that is no longer waited for once the time is over.

    Raises:
        TimeoutError: it took longer than `seconds`.
    """
    done: Future[_Result] = Future()

    def run() -> None:
        try:
            done.set_result(task())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the caller's
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    try:
        return done.result(seconds)
    except FutureTimeoutError:
        # Before Python 3.11 it is no TimeoutError.
        raise TimeoutError from None
