"""A server's process, and the files in its directory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import TYPE_CHECKING

from aurora_otel.lab import processes
from aurora_otel.lab.errors import LabError

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from pathlib import Path

    from aurora_otel.lab.installation import Installation

_PATIENCE = 15.0
_PROGRAM_PATIENCE = 60.0


class Daemon:
    """Starts and ends one server, of whatever engine.

    Args:
        identifier: the instance's name, for its log and for errors.
        directory: the lab's directory.
        installation: the server's programs.
    """

    def __init__(self, identifier: str, directory: Path, installation: Installation) -> None:
        self._identifier = identifier
        self._directory = directory
        self._installation = installation
        self._log = directory / f"{identifier}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, program: str, *arguments: str, ready: Callable[[], bool]) -> None:
        """Start the server; returns when it is ready.

        Raises:
            LabError: it ended, or did not become ready in time.
        """
        self._process = process = self._installation.start(
            program, *arguments, cwd=self._directory, log=self._log
        )

        def up() -> bool:
            if process.poll() is not None:
                raise self.failure(f"ended with status {process.returncode} while it started")
            return ready()

        self.wait_until(up, "did not become ready")

    def call(self, program: str, *arguments: str, stdin: Path | None = None) -> None:
        """Run a program to its end.

        Raises:
            LabError: it failed.
        """
        process = self._installation.start(
            program, *arguments, cwd=self._directory, log=self._log, stdin=stdin
        )
        try:
            if (status := process.wait(_PROGRAM_PATIENCE)) != 0:
                raise self.failure(f"could not be set up: {program} ended with status {status}")
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()

    def running(self) -> bool:
        """Return whether the server's process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    def frozen(self) -> bool:
        """Return whether it is there and stopped."""
        return processes.frozen(self._running().pid)

    def send(self, number: signal.Signals) -> None:
        """Send the server a signal."""
        os.kill(self._running().pid, number)

    def freeze(self) -> None:
        """Stop every process of the server; the kernel goes on accepting connections."""
        if root := processes.identify(self._running().pid):
            processes.freeze(root)

    def thaw(self) -> None:
        """Have every process of the server go on."""
        if root := processes.identify(self._running().pid):
            processes.thaw(root)

    def end(self, number: signal.Signals, within: float) -> None:
        """Have the server end in order; kills it after `within` seconds."""
        if self._process is not None and self.running():
            self.send(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(within)
        self.kill()

    def kill(self) -> None:
        """End the server like a power cut."""
        if self._process is not None and (root := processes.identify(self._process.pid)):
            processes.kill(root)
            self._process.wait()

    def write(self, path: Path, text: str, *, mode: int = 0o600) -> None:
        """Replace a file at once, and makes it the server's account's own."""
        new = path.with_name(f"{path.name}.new")
        new.write_text(text, encoding="utf-8")
        new.chmod(mode)
        self._installation.give(new)
        new.replace(path)

    def wait_until(self, condition: Callable[[], bool], failure: str) -> None:
        """Wait until `condition` holds; raises `LabError` with the log's end if it does not."""
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise self.failure(f"{failure} within {_PATIENCE:g} s")
            time.sleep(0.005)

    def failure(self, what: str) -> LabError:
        """Return the error that says what the server did, and what its log ends with."""
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        except OSError:
            lines = []
        return LabError("\n  ".join([f"{self._identifier} {what}; its log ends with:", *lines]))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise LabError(f"{self._identifier} is not running")
        return self._process
