"""Install a wheel into the environment of each row, and take an application of each to a failover.

    python -m tests.matrix WHEEL [NAME…]

A row fails where the wheel cannot be installed, or a connection to the old writer is not closed.
The rows are installed two at a time, and share one cluster and one failover. A row whose
interpreter is not on this machine is left out, which is reported, and counted in the end. For
systems that are not here, the wheel and what it needs are resolved and unpacked; nothing is run.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from aurora_otel.lab import Cluster, Failover
from tests.matrix import documented
from tests.matrix.application import READY
from tests.matrix.environments import Environment, LeftOut, make, resolve_elsewhere
from tests.matrix.rows import PLATFORMS, ROWS, Row
from tests.support.labs import create_table

APPLICATION = Path(__file__).with_name("application.py")
T = TypeVar("T")
WRITES = ["ReadOnlySqlTransaction", "OperationalError", "written"]
_RUNNING = 120.0


class Tally:
    """What became of the rows: printed at once, counted in the end."""

    def __init__(self) -> None:
        self._counts = {"ok": 0, "FAILED": 0, "left out": 0}
        self._began = time.monotonic()

    @property
    def has_failures(self) -> bool:
        """Whether a row has failed."""
        return bool(self._counts["FAILED"])

    def add(self, outcome: str, name: str, detail: str) -> None:
        """Count and print what became of a row."""
        self._counts[outcome] += 1
        report(f"{outcome:<10}{name}: {detail}")

    def finish(self) -> None:
        """Print the counts."""
        counts = ", ".join(f"{count} {name}" for name, count in self._counts.items())
        report(f"{counts}; {time.monotonic() - self._began:.0f} s")


def start(row: Row, environment: Environment, cluster: Cluster) -> subprocess.Popen[str]:
    """Start the application of a row."""
    place = cluster.dsn("writer")
    command = [*environment.command, APPLICATION, place, *row.loads]
    return subprocess.Popen(
        shlex.split(row.example) if row.example else command,
        cwd=documented.EXAMPLES,
        env={**environment.environ, **cluster.environment(), "DATABASE_URL": place},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_ready(row: Row, application: subprocess.Popen[str]) -> bool:
    """Wait until the application has connected; others may print before."""
    assert application.stdin is not None
    assert application.stdout is not None
    if row.example:
        # It writes a row for each line of input.
        application.stdin.write("\n")
        application.stdin.flush()
    expected = WRITES[-1] if row.example else READY
    return any(line.strip() == expected for line in iter(application.stdout.readline, ""))


def outcome(row: Row, application: subprocess.Popen[str], *, is_ready: bool) -> tuple[bool, str]:
    """Return whether a row went through the failover, and its versions or what was wrong."""
    try:
        lines = "\n" * (4 if row.example else 1)
        out, errors = application.communicate(lines if is_ready else None, timeout=_RUNNING)
    except subprocess.TimeoutExpired:
        application.kill()
        return False, "it does not come to an end"
    if row.example:
        # One write is refused, and closes the connection; then the example connects again.
        answers = out.split()
        return answers == [WRITES[0], *WRITES[1:], WRITES[-1]], f"{answers} {errors[-2000:]}"
    found = [line for line in out.splitlines() if line.startswith("{")]
    if not found:
        return False, errors[-2000:] or "it reported nothing"
    reported = json.loads(found[-1])
    expected = {"writes": WRITES, "mode": "cleanup", "failures": {}, "loaded": list(row.loads)}
    if reported["found"] != expected:
        return False, f"{reported}\n{errors[-2000:]}"
    return True, ", ".join(f"{name} {which}" for name, which in reported["versions"].items())


def through_a_failover(environments: Mapping[Row, Environment], tally: Tally) -> None:
    """Take the rows to one failover."""
    with Cluster("matrix") as cluster:
        create_table(cluster)
        running = {row: start(row, where, cluster) for row, where in environments.items()}
        ready = {row: await_ready(row, application) for row, application in running.items()}
        cluster.failover(Failover.SWITCHOVER)
        for row, application in running.items():
            is_ok, detail = outcome(row, application, is_ready=ready[row])
            tally.add("ok" if is_ok else "FAILED", row.name, detail)


def installed(
    row: Row, future: Future[tuple[Environment, float]], tally: Tally
) -> Environment | None:
    """Return the environment of a row once it is there; what it lacks is reported."""
    try:
        environment, seconds = future.result()
    except LeftOut:
        tally.add("left out", row.name, f"there is no CPython {row.python} here")
    except (subprocess.SubprocessError, OSError) as error:
        tally.add("FAILED", row.name, getattr(error, "stderr", None) or str(error))
    else:
        report(f"installed {row.name}: {seconds:.0f} s")
        return environment
    return None


def timed(function: Callable[..., T], *args: object) -> tuple[T, float]:
    """Return what a function returns, and the seconds that it took."""
    began = time.monotonic()
    return function(*args), time.monotonic() - began


def resolved(platform: str, future: Future[None], tally: Tally) -> None:
    """Report whether there are wheels for another system."""
    try:
        future.result()
    except subprocess.SubprocessError as error:
        tally.add("FAILED", platform, getattr(error, "stderr", None) or str(error))
    else:
        tally.add("ok", platform, "there are wheels; nothing was run")


def main() -> int:
    """Run the rows that are named, or all."""
    wheel, names = Path(sys.argv[1]).resolve(), sys.argv[2:]
    rows = [row for row in ROWS if not names or row.name in names]
    platforms = [name for name in PLATFORMS if not names or name in names]
    if unknown := set(names) - {row.name for row in rows} - set(platforms):
        sys.exit(f"no such rows: {', '.join(sorted(unknown))}")
    tally = Tally()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        place = Path(name)

        def folder(number: int) -> Path:
            path = place / str(number)
            path.mkdir()
            return path

        making = {
            row: pool.submit(timed, make, row, wheel, folder(number))
            for number, row in enumerate(rows)
        }
        resolving = {
            platform: pool.submit(resolve_elsewhere, platform, wheel, place / platform)
            for platform in platforms
        }
        for platform, future in resolving.items():
            resolved(platform, future, tally)
        environments = {
            row: environment
            for row, future in making.items()
            if (environment := installed(row, future, tally))
        }
        if environments:
            through_a_failover(environments, tally)
    tally.finish()
    return tally.has_failures


def report(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
