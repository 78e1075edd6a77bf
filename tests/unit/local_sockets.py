"""Sockets of this process, and their descriptors."""

import os
from pathlib import Path


def reuse(fd, by):
    """Have the descriptor number `fd` mean what `by` means, as after a close and an open."""
    os.dup2(by, fd)


def descriptors():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def is_usable(one, other):
    one.send(b"?")
    return other.recv(1) == b"?"
