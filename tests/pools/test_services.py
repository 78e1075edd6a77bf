"""Services in processes of their own, started with `opentelemetry-instrument`, under load."""

from __future__ import annotations

import http
import json
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from aurora_otel.lab import Failover
from tests.support.programs import INSTRUMENTED, PYTHON, Server, environment
from tests.support.waiting import eventually

THREADS = 4
# Seconds between two requests of a client: else the services take all processors, also the agent's.
_PAUSE = 0.01
WORKERS = 2
_RELOADED = Path(__file__).parent / "services"

# One process with as many threads as there are clients.
GUNICORN = ("gunicorn", "{module}", "--bind", "127.0.0.1:{port}", "--threads", str(THREADS))
GUNICORN += ("--worker-class", "gthread", "--graceful-timeout", "1", "--log-level", "error")
# Several processes, each of which has a loop, and has to notice for itself.
UVICORN = ("uvicorn", "{module}:application", "--port", "{port}", "--log-level", "error")
UVICORN += ("--workers", str(WORKERS))
# By default a process that takes 5 s to start is ended, and another one started.
UVICORN += ("--timeout-worker-healthcheck", "60")
# As `UVICORN`, by workers that gunicorn forks.
GUNICORN_WITH_UVICORN = ("gunicorn", "{module}:application", "--bind", "127.0.0.1:{port}")
GUNICORN_WITH_UVICORN += ("--worker-class", "uvicorn.workers.UvicornWorker")
GUNICORN_WITH_UVICORN += ("--workers", str(WORKERS), "--graceful-timeout", "1")
GUNICORN_WITH_UVICORN += ("--log-level", "error")
# One process, which another one starts again when a file changes.
UVICORN_THAT_RELOADS = ("uvicorn", "{module}:application", "--port", "{port}")
UVICORN_THAT_RELOADS += ("--reload", "--reload-dir", str(_RELOADED), "--log-level", "error")


class Started(NamedTuple):
    """How a service is started: its module, its command, and in how many processes it serves."""

    module: str
    command: tuple[str, ...]
    processes: int = 1


SERVICES = {
    "Django": Started("django_service", GUNICORN),
    "Flask": Started("flask_service", GUNICORN),
    "FastAPI": Started("fastapi_service", UVICORN, WORKERS),
    "FastAPI-engine": Started("fastapi_engine_service", UVICORN, WORKERS),
    "FastAPI-gunicorn": Started("fastapi_service", GUNICORN_WITH_UVICORN, WORKERS),
    "FastAPI-reload": Started("fastapi_service", UVICORN_THAT_RELOADS),
}


class Service(Server):
    """A service that writes once a request, and the requests of its clients."""

    def __init__(self, started, cluster):
        ip, port = cluster.address("writer")
        place = {
            "host": cluster.host("writer"),
            "ip": ip,
            "port": port,
            "user": cluster.user,
            "password": cluster.password,
            "database": cluster.database,
        }
        module = f"tests.pools.services.{started.module}"
        command = [part.replace("{module}", module) for part in started.command]
        variables = {"AURORA_OTEL_STUCK_AFTER": "0.5", "SERVICE_DATABASE": json.dumps(place)}
        # By default, as in services: what is left to pruning comes too late here.
        variables["AURORA_OTEL_PRUNE_INTERVAL"] = "30"
        env = environment(cluster, **variables)
        super().__init__(*INSTRUMENTED, PYTHON, "-m", *command, env=env)
        self._processes = started.processes
        # The processes that have answered, where they say which they are.
        self._seen = set()
        self.requests = []
        self._stopped = threading.Event()
        self._clients = []

    def __exit__(self, *exception):
        self._stopped.set()
        for client in self._clients:
            client.join()
        super().__exit__(*exception)

    def is_ready(self):
        # uvicorn ends all of its processes where one fails while it starts.
        return self.write() and len(self._seen) == self._processes

    def load(self):
        """Have as many clients as the service has threads, all the time from here on."""
        self._clients = [threading.Thread(target=self._request_on) for _ in range(THREADS)]
        for client in self._clients:
            client.start()

    def since(self, moment):
        """Return whether each request of after `moment` was answered with success."""
        return [ok for began, ok in list(self.requests) if began >= moment]

    def write(self):
        response, _ = self.get("write")
        self._seen.add(response.getheader("X-Process"))
        return response.status == http.HTTPStatus.OK

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
