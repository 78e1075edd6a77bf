"""The suites' source distributions, of the very versions that are installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

PLACE = Path(__file__).parent.parent.parent / ".compat"


def unpacked(wanted: str) -> Path:
    """Return the directory of a distribution's sources; fetch them if they are not there yet.

    Args:
        wanted: its name and version: `<name>==<version>`.

    Raises:
        SystemExit: they cannot be had.
    """
    target = PLACE / "sources" / wanted
    if not target.exists():
        archive = _fetch(wanted)
        shutil.rmtree(target, ignore_errors=True)
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
    # Else pytest would take this project's configuration for a suite that has none.
    (PLACE / "pytest.ini").write_text("[pytest]\n")
    (root,) = (entry for entry in target.iterdir() if entry.is_dir())
    return root


def _fetch(wanted: str) -> Path:
    directory = PLACE / "archives" / wanted
    directory.mkdir(parents=True, exist_ok=True)
    # Its sources alone: pip builds its metadata, and what that takes need not be built as well.
    name, _, _ = wanted.partition("==")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", wanted]
    command += ["--no-binary", name, "--dest", str(directory)]
    fetched = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = list(directory.glob("*.tar.gz"))
    if not archives:
        raise SystemExit(f"no source distribution of {wanted}:\n{fetched.stderr}")
    return archives[0]
