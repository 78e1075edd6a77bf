"""A service through a switchover: how many of its requests fail."""

from __future__ import annotations

import os
import socket
import subprocess
import sysconfig
import threading
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from aurora_otel.lab import Cluster, Failover

ROOT = Path(__file__).parent.parent
WORKERS, THREADS, CLIENTS = 3, 4, 8
# Seconds: before the switchover, after it, and between two requests of a client.
BEFORE, AFTER, EVERY = 3.0, 7.0, 0.02
PATIENCE = 30.0


class Count(NamedTuple):
    """What became of the requests.

    Attributes:
        requests: how many were answered, or failed.
        failed: how many of them failed.
        last_failure: seconds from the switchover to the end of the last that failed, if any did.
    """

    requests: int
    failed: int
    last_failure: float | None

    @property
    def last(self) -> str:
        """When the last request failed, in words."""
        return "none" if self.last_failure is None else f"{self.last_failure:.1f} s after it"


def measure(
    cluster: Cluster, *, instrumented: bool, before: float = BEFORE, after: float = AFTER
) -> Count:
    """Take the service through a switchover.

    Args:
        cluster: with a table `writes (x text)`.
        instrumented: whether the service runs with the agent.
        before: seconds of requests before the switchover.
        after: seconds of requests after it.

    Raises:
        TimeoutError: the service does not start.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = subprocess.Popen(  # noqa: S603 - our own command
        _command(port, instrumented=instrumented),
        cwd=ROOT / "examples",
        env=_environment(cluster),
        stderr=subprocess.DEVNULL,  # the failed requests' tracebacks
    )
    try:
        clients = _Clients(f"http://127.0.0.1:{port}/writes")
        clients.start()
        time.sleep(before)
        switch = cluster.failover(Failover.SWITCHOVER)
        time.sleep(after)
        return clients.stop(switch.began)
    finally:
        service.terminate()
        service.wait()


class _Clients:
    """Clients that send requests, and note when each ended and whether it was answered."""

    def __init__(self, url: str) -> None:
        self._request = urllib.request.Request(url, method="POST")  # noqa: S310 - our own
        self._ended: list[tuple[float, bool]] = []
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def start(self) -> None:
        """Wait until the service answers, and begin.

        Raises:
            TimeoutError: it does not.
        """
        end = time.monotonic() + PATIENCE
        while not self._send():
            if time.monotonic() > end:
                message = f"the service did not answer within {PATIENCE:g} s"
                raise TimeoutError(message)
            time.sleep(0.1)
        for thread in self._threads:
            thread.start()

    def stop(self, switched: float) -> Count:
        """Wait for the last answers, and count.

        Args:
            switched: when the switchover began, as `time.monotonic()`.
        """
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        failures = [ended - switched for ended, answered in self._ended if not answered]
        return Count(len(self._ended), len(failures), max(failures, default=None))

    def _run(self) -> None:
        while not self._stopping.wait(EVERY):
            answered = self._send()
            self._ended.append((time.monotonic(), answered))

    def _send(self) -> bool:
        try:
            with urllib.request.urlopen(self._request, timeout=PATIENCE):  # noqa: S310 - our own
                return True
        except OSError:  # an HTTPError is one, too
            return False


def _command(port: int, *, instrumented: bool) -> list[str]:
    scripts = Path(sysconfig.get_path("scripts"))
    command = [
        *(str(scripts / "gunicorn"), "--bind", f"127.0.0.1:{port}", "--log-level", "error"),
        *("--workers", f"{WORKERS}", "--threads", f"{THREADS}", "flask_gunicorn:application"),
    ]
    return [str(scripts / "opentelemetry-instrument"), *command] if instrumented else command


def _environment(cluster: Cluster) -> dict[str, str]:
    exporters = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
    return {
        **os.environ,
        **cluster.environment(),
        **exporters,
        "DATABASE_URL": cluster.dsn("writer"),
    }
