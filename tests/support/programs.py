"""Programs in processes of their own, and what becomes of them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.support.waiting import PATIENT, eventually

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
INSTRUMENTED = (str(SCRIPTS / "opentelemetry-instrument"),)


def environment(cluster, **variables):
    """Return the environment of a program on `cluster` that exports nothing."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AURORA_OTEL_")}
    silent = {f"OTEL_{name}_EXPORTER": "none" for name in ("TRACES", "METRICS", "LOGS")}
    return {
        **clean,
        **silent,
        **cluster.environment(),
        "AURORA_OTEL_PRUNE_INTERVAL": "0.2",
        **PATIENT,
        "PROCESS_DSN": cluster.dsn("writer"),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        **variables,
    }


def run(*command, env, within=60):
    """Run a program to its end; return its exit status, and what it wrote."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=within,
    )


class Server:
    """A server of `tests.processes.service`, and requests to it; a context manager.

    Args:
        command: what starts it, with `{port}` where the port belongs.
        env: its environment.
    """

    def __init__(self, *command, env):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        # No pipe: one that is full would hold the server up.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed with the server
        self._process = subprocess.Popen(
            [part.format(port=self._port) for part in command],
            cwd=ROOT,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,
        )

    def __enter__(self):
        try:
            eventually(self._is_up, within=40)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(20)
        finally:
            self._end()

    def _end(self):
        """End it and its workers; one that hangs would be there, and busy, for ever."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._errors.close()

    @property
    def pid(self):
        """Return the process that was started: the workers' parent."""
        return self._process.pid

    def ask(self, request):
        """Have one worker carry out a request; return its answer."""
        _, body = self.get(request)
        return json.loads(body)

    def get(self, path):
        """Return the response to a request for `path`, and the body of it."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", f"/{path}")
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def ask_each(self, request, workers):
        """Have each of so many workers carry out a request once; return the answers by worker."""
        answers = {}

        def ask():
            answer = self.ask(request)
            answers.setdefault(answer["pid"], answer)
            return len(answers) == workers

        eventually(ask, within=30)
        return answers

    def is_ready(self):
        """Return whether it does what it is there for."""
        return bool(self.ask("state"))

    def _is_up(self):
        assert self._process.poll() is None, self._written()
        try:
            return self.is_ready()
        except OSError:
            return False

    def _written(self):
        self._errors.seek(0)
        return self._errors.read()


PYTHON = sys.executable
