"""A client and its server on processors of our choice.

Where the scheduler happens to put the two decides over a factor of five in what a round trip takes,
and two connections compared may be served in different ways for a whole run.
"""

from __future__ import annotations

import os

import psutil


def pin(*backends: int, apart: bool = False) -> None:
    """Keep this process on one processor.

    Args:
        backends: the servers' processes, kept there as well.
        apart: whether these have another processor instead, if there is one.
    """
    processors = psutil.Process().cpu_affinity() or [0]
    ours = max(processors)
    theirs = min(processors) if apart else ours
    psutil.Process(os.getpid()).cpu_affinity([ours])
    for pid in backends:
        psutil.Process(pid).cpu_affinity([theirs])
