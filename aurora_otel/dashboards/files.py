"""The built files: where they are in an installed package, and in a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

RUNBOOKS = "runbooks.md"
"""Where alerts find their runbooks: the file in the directory that is written, or a URL instead."""

_INSTALLED = Path(__file__).with_name("data")
_CHECKOUT = Path(__file__).parents[2]
_ANNOTATION = b"runbook_url: "


def write(directory: Path, runbooks: str = RUNBOOKS) -> list[Path]:
    """Write dashboards, rules, provisioning and runbooks below `directory`.

    Args:
        directory: is made if need be; files of the same names are replaced.
        runbooks: the address of the page of runbooks, for the alerts.

    Returns:
        the files written.
    """
    written = []
    for name, file in files():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        default, chosen = (_ANNOTATION + place.encode() for place in (RUNBOOKS, runbooks))
        target.write_bytes(file.read_bytes().replace(default, chosen))
        target.chmod(file.stat().st_mode)
        written.append(target)
    return written


def files() -> Iterator[tuple[Path, Path]]:
    """Return every file by its name in the directory that is written, and where it lies."""
    if _INSTALLED.is_dir():
        yield from _below(_INSTALLED)
    else:
        yield from _below(_CHECKOUT / "dashboards")
        yield Path(RUNBOOKS), _CHECKOUT / "docs" / RUNBOOKS


def _below(directory: Path) -> Iterator[tuple[Path, Path]]:
    for file in sorted(directory.rglob("*")):
        if file.is_file():
            yield file.relative_to(directory), file
