"""The tests on every CPython from 3.10 on that is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# pyenv's shims exist for versions that are not switched on, too.
PYENV = Path.home() / ".pyenv" / "versions"


def installed(version: str) -> str | None:
    """Return the interpreter of a version, or `None` if the machine has none."""
    for found in sorted(PYENV.glob(f"{version}.*/bin/python")):
        return str(found)
    return shutil.which(f"python{version}")


@nox.session(python=[path for version in VERSIONS if (path := installed(version))])
def tests(session: nox.Session) -> None:
    """Run the tests; arguments behind `--` go to pytest."""
    session.run("python", "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1")
    session.run(
        "python", "-m", "pip", "install", "--quiet", "--editable", ".[demo]", "--group", "test"
    )
    session.run("python", "-m", "pytest", "--numprocesses=4", "--dist=loadscope", *session.posargs)
