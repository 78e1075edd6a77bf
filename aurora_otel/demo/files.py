"""Files that a long run writes in the end."""

from __future__ import annotations

from pathlib import Path


def check_writable(file: Path) -> None:
    """Raise what writing to `file` would raise: better now than after a long run.

    Raises:
        OSError: it cannot be written, or is a directory.
    """
    file.open("a").close()
