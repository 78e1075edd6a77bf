"""Each example, started by the command that examples/README.md gives, goes through a failover."""

import os
import re
import socket
import subprocess
import sysconfig
import urllib.error
import urllib.request
from pathlib import Path

from aurora_otel.lab import Failover
from tests.support.waiting import eventually

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLE = (EXAMPLES / "README.md").read_text(encoding="utf-8")
COMMANDS = dict(re.findall(r"^\| `(.+\.py)` \| .+ \| `(.+)` \|$", TABLE, re.MULTILINE))


class Example:
    """A running example that writes a row when it is asked to."""

    def __init__(self, command, cluster):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._serves = "application" in command
        signals = {f"OTEL_{name}_EXPORTER": "none" for name in ("TRACES", "METRICS", "LOGS")}
        scripts = sysconfig.get_path("scripts")
        self._process = subprocess.Popen(
            command.split(),
            cwd=EXAMPLES,
            env={
                **os.environ,
                **cluster.environment(),
                **signals,
                "AURORA_OTEL_IDENTIFY_TIMEOUT": "20",
                "DATABASE_URL": cluster.dsn("writer"),
                "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{self._port} --log-level error",
                "UVICORN_PORT": str(self._port),
                "PATH": os.pathsep.join((scripts, os.environ["PATH"])),
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


def test_each_example_writes_again_after_a_failover(cluster):
    examples = {name: Example(command, cluster) for name, command in COMMANDS.items()}
    try:
        for example in examples.values():
            eventually(lambda example=example: example.write() == "written")
        # Their sessions stay, on an instance that is a reader from now on.
        cluster.failover(Failover.SWITCHOVER)
        after = {name: [example.write() for _ in range(4)] for name, example in examples.items()}
    finally:
        for example in examples.values():
            example.stop()
    # A refusal, perhaps a lost connection; then they write.
    for name, answers in after.items():
        assert answers[0] != "written", name
        assert answers[-2:] == ["written", "written"], (name, answers)


def test_every_example_is_listed():
    assert sorted(COMMANDS) == sorted(file.name for file in EXAMPLES.glob("*.py"))
