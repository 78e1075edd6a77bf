"""The driver's table of character sets: one of the process, which every connect fills again.

It is emptied first. An application with one event loop never meets the table half full. But the
agent connects on threads of its own, and may do so while the application looks something up.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from mysql.connector.aio.charsets import Charsets

from aurora_otel.drivers.common.patching import Patches


def fill_aside(patches: Patches) -> None:
    """Have the table filled aside and put in place whole; for the same version, it is left."""
    original = Charsets.set_mysql_major_version
    patches.replace(Charsets, "set_mysql_major_version", _filling_aside(original))


def _filling_aside(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def set_mysql_major_version(self: Any, version: int) -> None:
        if version == self._mysql_major_version:
            return
        made = Charsets()
        original(made, version)
        vars(self).update(vars(made))

    return set_mysql_major_version
