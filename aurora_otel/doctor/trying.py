"""Run the trial, and return what it reported."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aurora_otel.doctor import trial

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Library:
    """A driver or a pool in an instrumented process.

    Attributes:
        name: as the agent calls it.
        installed: whether it is there.
        error: the type of the error with which its import failed, if it did.
        version: its version, as it says itself.
        patched: whether the agent has patched it.
        system: a driver's `db.system.name`.
        wrappers: the modules of others that wrapped a driver's `connect`, the outermost first.
    """

    name: str
    installed: bool
    error: str | None = None
    version: str = ""
    patched: bool = False
    system: str = ""
    wrappers: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether an application can use it."""
        return self.installed and self.error is None

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True, slots=True, repr=False)
class Trial:
    """An instrumented process.

    Attributes:
        environ: the variables `OTEL_…` with the distro's defaults; headers and the like are secret.
        active: whether the agent runs.
        failed: the entry points that failed.
        error: the type of the error that ended the loading of instrumentations, if one did.
        drivers: every driver that the agent knows.
        pools: every pool that the agent knows.
    """

    environ: Mapping[str, str]
    active: bool
    failed: tuple[str, ...]
    error: str | None
    drivers: tuple[Library, ...]
    pools: tuple[Library, ...]


def attempt(environ: Mapping[str, str]) -> Trial | None:
    """Run the trial in a process of its own; return `None` if it did not come to an end."""
    command = [sys.executable, "-m", trial.__name__]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            check=False,
            capture_output=True,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith(trial.MARK)]
    if not lines:
        return None
    report = json.loads(lines[-1].removeprefix(trial.MARK))
    return Trial(
        environ=report["environ"],
        active=report["active"],
        failed=tuple(report["failed"]),
        error=report["error"],
        drivers=tuple(map(_library, report["drivers"])),
        pools=tuple(map(_library, report["pools"])),
    )


def _library(report: dict[str, Any]) -> Library:
    return Library(**{**report, "wrappers": tuple(report.get("wrappers", ()))})
