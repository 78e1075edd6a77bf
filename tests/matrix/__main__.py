"""Install a wheel into the environment of each row, and take an application of each to a failover.

    python -m tests.matrix WHEEL [NAME…]

A row fails where the wheel cannot be installed, or a connection to the old writer is not closed.
The rows are installed two at a time, and share one cluster and one failover. A row whose
interpreter is not on this machine is left out, which is reported.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aurora_otel.lab import Cluster, Failover
from tests.matrix.application import READY
from tests.matrix.rows import ENVIRON, ROWS, Row

APPLICATION = Path(__file__).with_name("application.py")
UV = Path(sysconfig.get_path("scripts")) / "uv"
EXPECTED = {
    "writes": ["ReadOnlySqlTransaction", "OperationalError", "written"],
    "mode": "cleanup",
    "failures": {},
}
_INSTALLING = 300.0
_RUNNING = 60.0


class LeftOut(Exception):  # noqa: N818 - no error
    """There is no such interpreter here."""


def install(row: Row, wheel: Path, place: Path) -> Path:
    """Make the environment of a row; return where its programs are.

    Raises:
        LeftOut: there is no such interpreter here.
        CalledProcessError: something cannot be installed.
    """
    found = interpreter(row.python)
    if found is None:
        raise LeftOut
    environment = place / row.name.replace(" ", "-")
    programs = environment / "bin"
    if row.pip is None:
        run(UV, "venv", "--quiet", "--python", found, environment)
        resolution = ["--resolution", "lowest-direct"] if row.lowest else []
        python = ["--python", programs / "python"]
        run(UV, "pip", "install", "--quiet", *python, *resolution, wheel, *row.requirements)
    else:
        run(found, "-m", "venv", environment)
        pip = [programs / "python", "-m", "pip", "install", "--quiet"]
        run(*pip, f"pip=={row.pip}")
        run(*pip, wheel, *row.requirements)
    return programs


def interpreter(version: str) -> Path | None:
    """Return an interpreter of this version that works: on the path, or pyenv's."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_the_path = shutil.which(f"python{version}")
    candidates = [Path(on_the_path)] if on_the_path else []
    candidates += (root / "versions").glob(f"{version}.*/bin/python")
    for candidate in candidates:
        # One of pyenv's on the path may only say which versions there are.
        if not subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode:
            return candidate
    return None


def run(*command: str | Path) -> None:
    """Run a command, which must not fail."""
    environ = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=_INSTALLING, env=environ
    )


def start(row: Row, programs: Path, cluster: Cluster) -> subprocess.Popen[str]:
    """Start the application of a row under `opentelemetry-instrument`."""
    path = os.pathsep.join((str(programs), os.environ.get("PATH", os.defpath)))
    inherited = {"HOME": os.environ.get("HOME", "/"), "PATH": path}
    return subprocess.Popen(
        [*row.launcher, "opentelemetry-instrument", "python", APPLICATION, cluster.dsn("writer")],
        env={**inherited, **ENVIRON, **cluster.environment(), **row.environ},
        executable=programs / row.launcher[0]
        if row.launcher
        else programs / "opentelemetry-instrument",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_ready(application: subprocess.Popen[str]) -> bool:
    """Wait until the application has connected; others may print before."""
    assert application.stdout is not None
    return any(line.strip() == READY for line in iter(application.stdout.readline, ""))


def outcome(application: subprocess.Popen[str], *, is_ready: bool) -> str:
    """Return what is wrong with a row; nothing if all is well."""
    try:
        out, errors = application.communicate("\n" if is_ready else None, timeout=_RUNNING)
    except subprocess.TimeoutExpired:
        application.kill()
        return "it does not come to an end"
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if not lines:
        return errors[-2000:] or "it reported nothing"
    found = json.loads(lines[-1])
    return "" if found == EXPECTED else f"{found}\n{errors[-2000:]}"


def through_a_failover(environments: dict[Row, Path]) -> dict[Row, str]:
    """Return what is wrong with each row."""
    with Cluster("matrix") as cluster:
        cluster.execute(cluster.writer, "CREATE TABLE writes (id bigserial PRIMARY KEY, x text)")
        cluster.execute(cluster.writer, "GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
        cluster.execute(cluster.writer, "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app")
        running = {row: start(row, where, cluster) for row, where in environments.items()}
        ready = {row: await_ready(application) for row, application in running.items()}
        cluster.failover(Failover.SWITCHOVER)
        return {
            row: outcome(application, is_ready=ready[row]) for row, application in running.items()
        }


def main() -> int:
    """Run the rows that are named, or all."""
    wheel, names = Path(sys.argv[1]).resolve(), sys.argv[2:]
    rows = [row for row in ROWS if not names or row.name in names]
    began, failed = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        installing = {row: pool.submit(install, row, wheel, Path(place)) for row in rows}
        environments = {}
        for row, future in installing.items():
            error = future.exception()
            if error is None:
                environments[row] = future.result()
            elif isinstance(error, LeftOut):
                report(f"left out  {row.name}: there is no CPython {row.python} here")
            else:
                failed += 1
                report(f"FAILED    {row.name}: {getattr(error, 'stderr', error)}")
        for row, wrong in through_a_failover(environments).items():
            failed += bool(wrong)
            report(f"FAILED    {row.name}: {wrong}" if wrong else f"ok        {row.name}")
    report(f"{len(environments)} rows, {failed} failed, {time.monotonic() - began:.0f} s")
    return bool(failed)


def report(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
