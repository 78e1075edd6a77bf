"""A process of the application under `opentelemetry-instrument`, exporting to a collector."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

SCRIPTS = Path(sysconfig.get_path("scripts"))
APPLICATION = Path(__file__).with_name("application.py")


def environment(collector, cluster, **settings):
    """Return the environment of such a process; settings as `mode="observe"`."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AURORA_OTEL_")}
    named = {f"AURORA_OTEL_{key.upper()}": str(value) for key, value in settings.items()}
    exporting = collector.environment("application", interval=0.1)
    return {**clean, **exporting, **cluster.environment(), **named}


class Application:
    """`application.py`, running; a context manager."""

    def __init__(self, collector, cluster, **settings):
        self._process = subprocess.Popen(
            [SCRIPTS / "opentelemetry-instrument", sys.executable, APPLICATION],
            env=environment(collector, cluster, **settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.errors = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def __getattr__(self, command):
        return lambda **arguments: self._give(command, arguments)

    def _give(self, command, arguments):
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self._process.communicate()[1]
        return SimpleNamespace(**json.loads(answer))

    def end(self):
        """Let it end by itself, which exports all that is left."""
        if self._process.poll() is None:
            try:
                _, self.errors = self._process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                _, self.errors = self._process.communicate()
                raise
