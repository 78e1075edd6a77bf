"""Whether this operating system has what the agent stands on."""

from __future__ import annotations

import os
import select
import socket
import sys

IS_LINUX = sys.platform == "linux"

# Without these a socket cannot be distinguished from a later one of the same number, nor shut down
# below its driver, and a forked child cannot start over. Windows has none of them.
_NEEDED = (
    (os, "register_at_fork"),
    (select, "poll"),
    (socket, "MSG_DONTWAIT"),
)


def missing() -> str | None:
    """Return the name of a function that the agent needs and this system lacks, if there is one."""
    for module, name in _NEEDED:
        if not hasattr(module, name):
            return f"{module.__name__}.{name}"
    return None
