"""Runs of one suite, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from tests.compat import sources
from tests.compat.servers import Place
from tests.compat.suites import Suite

# How each test ended, by its name.
Outcomes: TypeAlias = Mapping[str, str]

_SITE = Path(__file__).parent / "site"
_ROOT = Path(__file__).parent.parent.parent
# A suite in which no test begins or ends for so long hangs: seconds.
_PATIENCE = 600
_stopped = threading.Event()


class Agent(NamedTuple):
    """What the agent did in a run.

    Attributes:
        opened: how many connections it tracked.
        identified: how many of them under their instance.
        failures: how often it failed inside, by what it was doing.
    """

    opened: int
    identified: int
    failures: Mapping[str, int]


class Run(NamedTuple):
    """What came of one run."""

    outcomes: Outcomes
    agent: Agent


class StoppedError(Exception):
    """No run may begin any more."""


def stop() -> None:
    """End the runs that are under way, in whatever thread, and let no other one begin."""
    _stopped.set()


class Stage(NamedTuple):
    """A suite that is ready to be run.

    Attributes:
        suite: the suite.
        directory: where its files are; `output-….txt` there has what a run has printed.
        settings: environment variables for it.
    """

    suite: Suite
    directory: Path
    settings: Mapping[str, str]

    @classmethod
    def of(cls, suite: Suite, place: Place) -> Stage:
        """Unpack a suite, for the server at `place`."""
        directory = sources.PLACE / "runs" / suite.name
        suite.unpack(directory, place)
        return cls(suite, directory, {**place.environment, **suite.settings(place)})

    def run(self, only: Collection[str] = (), *, with_us: bool, patience: float = _PATIENCE) -> Run:
        """Run it in a process of its own.

        Args:
            only: the tests to run, by name; all of them if there are none.
            with_us: whether the agent is there.
            patience: seconds in which a test must begin or end.

        Raises:
            StoppedError: `stop()` was called.
        """
        name = ("with" if with_us else "without") + ("-again" if only else "")
        results, agent = self.directory / f"results-{name}", self.directory / f"agent-{name}"
        for file in (results, agent):
            file.write_text("")
        notes = {"COMPAT_RESULTS": str(results), "COMPAT_AGENT": str(agent)}
        with (self.directory / f"output-{name}.txt").open("w") as output:
            process = subprocess.Popen(
                self.suite.arguments(only),
                cwd=self.directory / self.suite.inside,
                env={**_environment(), **self.settings, **notes, "COMPAT_WITH": str(int(with_us))},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                _wait(process, results, patience)
            finally:
                _end(process)
        if _stopped.is_set():
            raise StoppedError
        return Run(dict(_lines(results)), _added_up(_lines(agent)))


def _environment() -> dict[str, str]:
    """Return ours without what would set up the agent, or pytest, otherwise."""
    mine = ("AURORA_OTEL_", "OTEL_", "PYTEST_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    return {**inherited, "PYTHONPATH": os.pathsep.join([str(_SITE), str(_ROOT)])}


def _wait(process: subprocess.Popen[bytes], results: Path, patience: float) -> None:
    """Wait for its end, or until it makes no progress any more."""
    size, since = 0, time.monotonic()
    while process.poll() is None and time.monotonic() - since < patience:
        if _stopped.is_set():
            return
        if (now := results.stat().st_size) != size:
            size, since = now, time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it, and whatever it has started and left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _added_up(reports: list[dict[str, Any]]) -> Agent:
    """Add up what each interpreter reported of the agent at its end."""
    failures = sum((Counter(each["failures"]) for each in reports), Counter[str]())
    return Agent(
        sum(each["opened"] for each in reports),
        sum(each["identified"] for each in reports),
        failures,
    )
