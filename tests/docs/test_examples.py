"""Each example, started by the command that examples/README.md gives, goes through a failover."""

import os
import re
import socket
import subprocess
import sysconfig
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from celery import Celery
from nbclient import NotebookClient

from aurora_otel.lab import Failover
from tests.support.waiting import PATIENT, eventually

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
COMMANDS = dict(re.findall(r"^\| `(.+\.(?:py|ipynb))` \| .+ \| `(.+)` \|$", TABLE, re.MULTILINE))


class Example:
    """A running example that writes a row when it is asked to."""

    def __init__(self, command, environ):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._serves = "application" in command
        self._process = subprocess.Popen(
            command.split(),
            cwd=EXAMPLES,
            env={
                **environ,
                "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{self._port} --log-level error",
                "UVICORN_PORT": str(self._port),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def write(self):
        if not self._serves:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
            return self._process.stdout.readline().strip()
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/writes", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.read().decode().strip().strip('"')
        except urllib.error.HTTPError as error:
            return f"{error.code}"
        except OSError:
            return "not there yet"

    def stop(self):
        self._process.terminate()
        self._process.communicate(timeout=30)


class Worker(Example):
    """A running worker of Celery, and the client that gives it tasks."""

    def __init__(self, command, environ, place):
        broker = f"sqla+sqlite:///{place}/broker.sqlite"
        results = f"db+sqlite:///{place}/results.sqlite"
        queue = {"CELERY_BROKER_URL": broker, "CELERY_RESULT_BACKEND": results}
        super().__init__(command, {**environ, **queue, "C_FORCE_ROOT": "1"})
        self._client = Celery(broker=broker, backend=results)

    def write(self):
        try:
            return self._client.send_task("write").get(timeout=60)
        except Exception as error:  # noqa: BLE001 - the result backend makes up the class
            return type(error).__name__


class Notebook:
    """A notebook, cell by cell, by what `jupyter execute` runs."""

    def __init__(self, file, environ):
        self._client = NotebookClient(nbformat.read(file, nbformat.NO_CONVERT))
        self._client.create_kernel_manager()
        self._client.start_new_kernel(env=environ)
        self._client.start_new_kernel_client()
        self._cells = [cell for cell in self._client.nb.cells if cell.cell_type == "code"]
        for cell in self._cells[:2]:
            self._run(cell)

    def write(self):
        return self._run(self._cells[2])["text/plain"].strip("'")

    def snapshot(self):
        """Return what the last cell shows."""
        return self._run(self._cells[3])["text/html"]

    def stop(self):
        self._client._cleanup_kernel()

    def _run(self, cell):
        """Run a cell; return its value, without what it logs."""
        done = self._client.execute_cell(cell, self._client.nb.cells.index(cell))
        values = [each["data"] for each in done.outputs if each.output_type == "execute_result"]
        return values[-1] if values else {}


def start(name, cluster, place):
    """Start an example by its command."""
    signals = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    environ = {
        **os.environ,
        **cluster.environment(),
        **signals,
        **PATIENT,
        "DATABASE_URL": cluster.dsn("writer"),
        "PATH": os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"])),
    }
    command = COMMANDS[name]
    if command.startswith("jupyter execute "):
        return Notebook(EXAMPLES / name, environ)
    return Worker(command, environ, place) if " celery " in command else Example(command, environ)


@pytest.mark.timeout(300)
def test_each_example_writes_again_after_a_failover(cluster, tmp_path):
    examples = {name: start(name, cluster, tmp_path) for name in COMMANDS}
    try:
        for example in examples.values():
            eventually(lambda example=example: example.write() == "written")
        # Their sessions stay, on an instance that is a reader from now on.
        cluster.failover(Failover.SWITCHOVER)
        after = {name: [example.write() for _ in range(4)] for name, example in examples.items()}
        shown = examples["notebook.ipynb"].snapshot()
    finally:
        for example in examples.values():
            example.stop()
    # A refusal, perhaps a lost connection; then they write.
    for name, answers in after.items():
        assert answers[0] != "written", name
        assert answers[-2:] == ["written", "written"], (name, answers)
    assert f"writer  {cluster.writer}" in shown


def test_every_example_is_listed():
    assert sorted(COMMANDS) == sorted(
        file.name for file in (*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.ipynb"))
    )
