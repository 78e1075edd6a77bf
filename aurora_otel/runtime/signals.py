"""SIGPIPE, in the agent's own threads."""

from __future__ import annotations

import signal


def block_sigpipe() -> None:
    """Block SIGPIPE in the current thread, one of the agent's own.

    Where a program has set it back to its default, a send to a server that is gone ends the
    process. The signal goes to the thread that sends: blocked there, the send is an error alone.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
