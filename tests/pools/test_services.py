"""Services in processes of their own, started with `opentelemetry-instrument`, under load."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from aurora_otel.lab import Failover
from tests.support.waiting import PATIENT, eventually

THREADS = 4
# Seconds between two requests of a client: else the services take all processors, also the agent's.
_PAUSE = 0.01
WORKERS = 2
ROOT = Path(__file__).parents[2]


def gunicorn(module, port):
    """One process with as many threads as there are clients."""
    return [
        *("gunicorn", module, "--bind", f"127.0.0.1:{port}", "--threads", str(THREADS)),
        *("--worker-class", "gthread", "--graceful-timeout", "1", "--log-level", "error"),
    ]


def uvicorn(module, port):
    """Several processes, each of which has a loop, and has to notice for itself."""
    return [
        *("uvicorn", f"{module}:application", "--port", str(port)),
        *("--workers", str(WORKERS), "--log-level", "error"),
        # By default a process that takes 5 s to start is ended, and another one started.
        *("--timeout-worker-healthcheck", "60"),
    ]


def gunicorn_with_uvicorn(module, port):
    """As `uvicorn`, by workers that gunicorn forks."""
    return [
        *("gunicorn", f"{module}:application", "--bind", f"127.0.0.1:{port}"),
        *("--worker-class", "uvicorn.workers.UvicornWorker", "--workers", str(WORKERS)),
        *("--graceful-timeout", "1", "--log-level", "error"),
    ]


def uvicorn_that_reloads(module, port):
    """One process, which another one starts again when a file changes."""
    return [
        *("uvicorn", f"{module}:application", "--port", str(port)),
        *("--reload", "--reload-dir", str(Path(__file__).parent / "services")),
        *("--log-level", "error"),
    ]


class Started(NamedTuple):
    """How a service is started: its module, its command, and in how many processes it serves."""

    module: str
    command: Callable[[str, int], list[str]]
    processes: int = 1


SERVICES = {
    "Django": Started("django_service", gunicorn),
    "Flask": Started("flask_service", gunicorn),
    "FastAPI": Started("fastapi_service", uvicorn, WORKERS),
    "FastAPI-engine": Started("fastapi_engine_service", uvicorn, WORKERS),
    "FastAPI-gunicorn": Started("fastapi_service", gunicorn_with_uvicorn, WORKERS),
    "FastAPI-reload": Started("fastapi_service", uvicorn_that_reloads),
}


class Service:
    """A service that writes once a request, and the requests of its clients."""

    def __init__(self, started, cluster):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        ip, port = cluster.address("writer")
        place = {
            "host": cluster.host("writer"),
            "ip": ip,
            "port": port,
            "user": cluster.user,
            "password": cluster.password,
            "database": cluster.database,
        }
        signals = {f"OTEL_{name}_EXPORTER": "none" for name in ("TRACES", "METRICS", "LOGS")}
        self._process = subprocess.Popen(
            [
                str(Path(sysconfig.get_path("scripts"), "opentelemetry-instrument")),
                *(sys.executable, "-m"),
                *started.command(f"tests.pools.services.{started.module}", self._port),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                **cluster.environment(),
                **signals,
                "AURORA_OTEL_STUCK_AFTER": "0.5",
                **PATIENT,
                "SERVICE_DATABASE": json.dumps(place),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._processes = started.processes
        # The processes that have answered, where they say which they are.
        self._seen = set()
        self.requests = []
        self._stopped = threading.Event()
        self._clients = []

    def __enter__(self):
        # uvicorn ends all of its processes where one fails while it starts.
        eventually(lambda: self._answers() and len(self._seen) == self._processes, within=40)
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for client in self._clients:
            client.join()
        self._process.terminate()
        self._process.wait(15)

    def load(self):
        """Have as many clients as the service has threads, all the time from here on."""
        self._clients = [threading.Thread(target=self._request_on) for _ in range(THREADS)]
        for client in self._clients:
            client.start()

    def since(self, moment):
        """Return whether each request of after `moment` was answered with success."""
        return [ok for began, ok in list(self.requests) if began >= moment]

    def write(self):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", "/write")
            response = connection.getresponse()
            self._seen.add(response.getheader("X-Process"))
            return response.status == http.HTTPStatus.OK
        finally:
            connection.close()

    def _answers(self):
        try:
            return self.write()
        except OSError:
            return False

    def _request_on(self):
        while not self._stopped.is_set():
            began = time.monotonic()
            self.requests.append((began, self.write()))
            self._stopped.wait(_PAUSE)


@pytest.mark.parametrize("started", SERVICES.values(), ids=SERVICES)
def test_a_service_keeps_serving_through_each_failover(cluster, started):
    with Service(started, cluster) as service:
        service.load()
        for how in Failover:
            cluster.heal()
            healthy = time.monotonic()
            eventually(lambda: len(service.since(healthy)) >= 100)  # noqa: B023 - called at once
            assert all(service.since(healthy)[-50:])
            switch = cluster.failover(how)
            eventually(lambda: len(service.since(switch.published)) >= 300, within=40)  # noqa: B023 - as above
            served = service.since(switch.published)
            assert served.count(False) <= started.processes * THREADS, how
            assert all(served[-100:])
            eventually(lambda: cluster.sessions(switch.old_writer) == 0)  # noqa: B023 - as above
