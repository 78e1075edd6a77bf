"""The sample application as a process: started, sent commands, read, ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

    from aurora_otel.demo.recording import Timeline

APP = Path(__file__).parent / "sample" / "app"
"""A package that stands alone in its folder: nothing else is found there."""
STOP_SECONDS = 3.0
"""How long it may take to stop; one whose calls hang never does."""
COMMAND = (sys.executable, "-m", APP.name)


class ApplicationError(Exception):
    """The sample application does not do what it should."""


def with_app(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which `COMMAND` runs."""
    inherited = environment.get("PYTHONPATH")
    path = os.pathsep.join([str(APP.parent), *([inherited] if inherited else [])])
    return {**environment, "PYTHONPATH": path}


class Application:
    """Runs the sample application and feeds what it reports to a timeline.

    Args:
        arguments: The application's arguments, the DSN first.
        environment: Its environment variables.
        instrumented: Whether to start it with `opentelemetry-instrument`.
        timeline: Where its calls go.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        instrumented: bool,
        timeline: Timeline,
    ) -> None:
        command = [*COMMAND, *arguments]
        if instrumented:
            command.insert(0, str(Path(sysconfig.get_path("scripts"), "opentelemetry-instrument")))
        self._timeline = timeline
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(  # noqa: S603 - our own file with our own arguments
            command,
            env=with_app(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            # Ctrl-C is for the runner, which ends the application in good order.
            start_new_session=True,
        )
        self._hearing = threading.Thread(target=self._hear, name="application", daemon=True)
        self._hearing.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def check(self) -> None:
        """Raise `ApplicationError` if the application does not run."""
        status = self._process.poll()
        if status is not None:
            raise ApplicationError(
                f"The sample application ended with status {status}:\n{self.output}"
            )

    def use_idle(self) -> None:
        """Have the application use its idle connections."""
        self._send("use idle")

    def resolve(self, name: str, address: str) -> None:
        """Have a name lead the application's next connects to another address."""
        self._send(f"resolve {name}={address}")

    def stop(self) -> bool:
        """Have the application stop, and end it if it cannot; return whether it stopped."""
        self._send("stop")
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
            return False
        self._hearing.join()
        return True

    @property
    def output(self) -> str:
        """What the application has written on standard error."""
        self._errors.seek(0)
        return self._errors.read()

    def close(self) -> None:
        """End the application if it still runs."""
        self._kill()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._hearing.join()

    def _send(self, command: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - Popen was asked for a pipe
        try:
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self.check()

    def _hear(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - Popen was asked for a pipe
        for line in self._process.stdout:
            self._timeline.heard(json.loads(line))
