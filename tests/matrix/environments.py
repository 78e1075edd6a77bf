"""The environment of a row: how it is made, and how an application is started in it."""

from __future__ import annotations

import os
import re
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from uv import find_uv_bin

from tests.matrix import documented
from tests.matrix.rows import DRIVER, ENVIRON, OPENTELEMETRY, PLATFORMS, Row
from tests.support import interpreters

_INSTALLING = 300.0


class LeftOut(Exception):  # noqa: N818 - no error
    """There is no such interpreter here."""


@dataclass(frozen=True)
class Environment:
    """Where an application runs.

    Attributes:
        programs: the folder of its interpreter and commands.
        command: what the application's file and arguments follow.
        environ: its variables.
    """

    programs: Path
    command: tuple[str | Path, ...]
    environ: Mapping[str, str]


def make(row: Row, wheel: Path, place: Path) -> Environment:
    """Make the environment of a row.

    Args:
        row: what to install.
        wheel: of the agent.
        place: a folder for this row alone.

    Raises:
        LeftOut: there is no such interpreter here.
        CalledProcessError: something cannot be installed.
    """
    python = interpreters.find(row.python)
    if python is None:
        raise LeftOut
    programs = place / "environment" / "bin"
    environ = {
        "HOME": os.environ.get("HOME", "/"),
        "PATH": os.pathsep.join((str(programs), os.environ.get("PATH", os.defpath))),
        "BEGIN": row.begins,
        **ENVIRON,
        **row.environ,
    }
    if row.commands or row.image:
        run(python, "-m", "venv", programs.parent)
        return _by_pip(row, wheel, programs, environ)
    run(find_uv_bin(), "venv", "--quiet", "--python", python, programs.parent)
    asked = [wheel, *row.requirements]
    if row.lowest:
        asked += ["--resolution", "lowest-direct", *requirements(wheel)]
    _uv("--python", programs / "python", *asked)
    return Environment(programs, ("opentelemetry-instrument", "python"), environ)


def _by_pip(row: Row, wheel: Path, programs: Path, environ: dict[str, str]) -> Environment:
    """Type the commands of a document, or of the operator's image, where `pip` is CPython's own."""
    if row.image:
        # The image's folder comes first on the application's path, in which there is a driver.
        place = programs.parent.parent
        step = documented.image_step(documented.DOCKERFILE.read_text(encoding="utf-8"))
        run("sh", "-ec", step, cwd=place, environ={**environ, "AURORA_OTEL": str(wheel)})
        target = place / "workspace"
        starter = target / "opentelemetry" / "instrumentation" / "auto_instrumentation"
        environ = {**environ, "PYTHONPATH": f"{starter}{os.pathsep}{target}"}
        command: tuple[str, ...] = ("python",)
    else:
        for line in row.commands:
            run("sh", "-ec", re.sub(r"\baurora-otel\b", str(wheel), line), environ=environ)
        command = ("opentelemetry-instrument", "python")
    _uv("--python", programs / "python", *row.requirements)
    return Environment(programs, command, environ)


def resolve_elsewhere(platform: str, wheel: Path, place: Path) -> None:
    """Install into a folder what another system would get; nothing is compiled, and nothing run.

    Raises:
        CalledProcessError: something has no wheel for that system.
    """
    system = ("--python-platform", PLATFORMS[platform], "--only-binary", ":all:")
    _uv("--target", place / "environment", *system, wheel, *OPENTELEMETRY, DRIVER)


def requirements(wheel: Path) -> list[str]:
    """Return what a wheel requires, without its extras."""
    with zipfile.ZipFile(wheel) as files:
        (name,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(files.read(name).decode())
    found = metadata.get_all("Requires-Dist", [])
    return [one for one in found if "extra ==" not in one]


def _uv(*arguments: str | Path) -> None:
    run(find_uv_bin(), "pip", "install", "--quiet", *arguments)


def run(
    *command: str | Path, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> None:
    """Run a command, which must not fail."""
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        timeout=_INSTALLING,
        cwd=cwd,
        env={**os.environ, **(environ or {}), "UV_PYTHON_DOWNLOADS": "never"},
    )
