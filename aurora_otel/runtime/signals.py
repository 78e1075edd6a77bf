"""SIGPIPE, where the agent sends.

Where a program has set it back to its default, a send to a server that is gone ends the process.
The signal goes to the thread that sends: blocked there, the send is an error alone.
"""

from __future__ import annotations

import signal
from collections.abc import Callable


def block_sigpipe() -> None:
    """Block SIGPIPE in the current thread, one of the agent's own, and in those that it starts."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})


def without_sigpipe(action: Callable[[], object]) -> None:
    """Call `action` with SIGPIPE blocked, in a thread of the application's."""
    if not hasattr(signal, "pthread_sigmask"):
        action()
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    try:
        action()
    finally:
        if signal.SIGPIPE not in before:
            # One that waits would be delivered now. macOS has no `sigtimedwait`.
            if signal.SIGPIPE in signal.sigpending():
                signal.sigwait({signal.SIGPIPE})
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
