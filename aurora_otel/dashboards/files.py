"""The built files: where they are in an installed package, and in a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

RUNBOOKS = "runbooks.md"
"""Where alerts find their runbooks: the file in the directory that is written, or a URL instead."""

_INSTALLED = Path(__file__).with_name("data")
_CHECKOUT = Path(__file__).parents[2]
# What stands around it in the rules, and around the variable's value in a dashboard.
_ANNOTATION = b"runbook_url: "
_VARIABLE = b'"query": "', b'"'


def write(directory: Path, runbooks: str = RUNBOOKS) -> list[Path]:
    """Write dashboards, rules, provisioning and runbooks below `directory`.

    Args:
        directory: is made if need be; files of the same names are replaced.
        runbooks: the address of the page of runbooks, for alerts and panels.

    Returns:
        the files written.
    """
    written = []
    for name, file in files():
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_bytes()
        for before, after in ((_ANNOTATION, b""), _VARIABLE):
            default, chosen = (before + place.encode() + after for place in (RUNBOOKS, runbooks))
            text = text.replace(default, chosen)
        target.write_bytes(text)
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
