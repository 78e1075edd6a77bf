"""`Collector`: an OTLP/HTTP server on a loopback port that keeps what it receives."""

from __future__ import annotations

import gzip
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from aurora_otel.collector import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from aurora_otel.collector.records import LogRecord, MetricPoint, Span


class Collector:
    """Receives OTLP over HTTP (protobuf, plain or gzip) until it is closed.

    Every property returns a copy of what has arrived so far and may be read from any thread.
    """

    def __init__(self) -> None:
        self._arrival = threading.Condition()
        self._spans: list[Span] = []
        self._logs: list[LogRecord] = []
        self._exports: list[list[MetricPoint]] = []
        self._problems: list[str] = []
        self._server = _Server(self._receive)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="collector",
            daemon=True,
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; what was received stays readable."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """Base URL for `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(
        self, service: str = "sample-application", *, interval: float = 0.5
    ) -> dict[str, str]:
        """Return variables: under `opentelemetry-instrument`, a process exports all here.

        Args:
            service: The process's `service.name`.
            interval: Seconds between two exports of each signal.
        """
        milliseconds = str(round(interval * 1000))
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_LOGS_EXPORTER": "otlp",
            # The logging instrumentation installs the handler; the SDK's own would double it.
            "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "true",
            "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "false",
            "OTEL_SERVICE_NAME": service,
            "OTEL_BSP_SCHEDULE_DELAY": milliseconds,
            "OTEL_BSP_MAX_QUEUE_SIZE": "65536",
            "OTEL_BLRP_SCHEDULE_DELAY": milliseconds,
            "OTEL_METRIC_EXPORT_INTERVAL": milliseconds,
        }

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order of their arrival."""
        with self._arrival:
            return list(self._spans)

    @property
    def logs(self) -> list[LogRecord]:
        """All log records, in the order of their arrival."""
        with self._arrival:
            return list(self._logs)

    @property
    def exports(self) -> list[list[MetricPoint]]:
        """All metric exports, each with its points."""
        with self._arrival:
            return [list(export) for export in self._exports]

    @property
    def problems(self) -> list[str]:
        """Requests that could not be read, one sentence each."""
        with self._arrival:
            return list(self._problems)

    def latest(self, name: str) -> list[MetricPoint]:
        """Return the points of metric `name` in the newest export that has it, if one has."""
        for export in reversed(self.exports):
            if found := [point for point in export if point.name == name]:
                return found
        return []

    def wait_for(self, predicate: Callable[[Collector], object], timeout: float = 10) -> bool:
        """Wait up to `timeout` seconds until `predicate(collector)` holds; return whether it did.

        It is asked at once, and again after each request that arrives.
        """
        deadline = time.monotonic() + timeout
        with self._arrival:
            while not predicate(self):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return False
                self._arrival.wait(remaining)
            return True

    def _receive(self, path: str, encoding: str, body: bytes) -> HTTPStatus:
        with self._arrival:
            try:
                if encoding == "gzip":
                    body = gzip.decompress(body)
                if path == "/v1/traces":
                    self._spans.extend(decode.spans(body))
                elif path == "/v1/metrics":
                    self._exports.append(decode.points(body, export=len(self._exports)))
                elif path == "/v1/logs":
                    self._logs.extend(decode.logs(body))
                else:
                    self._problems.append(f"{path} is not a path of OTLP/HTTP.")
                    return HTTPStatus.NOT_FOUND
            except Exception as error:  # noqa: BLE001 - protobuf's errors have no common public base
                self._problems.append(f"{path}: {len(body)} bytes are no request: {error!r}.")
                return HTTPStatus.BAD_REQUEST
            finally:
                self._arrival.notify_all()
        return HTTPStatus.OK


class _Server(ThreadingHTTPServer):
    """Hands the body of every POST to `receive`."""

    daemon_threads = True
    # An exporter keeps its connection open; closing must not wait for it.
    block_on_close = False

    def __init__(self, receive: Callable[[str, str, bytes], HTTPStatus]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.receive = receive

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: an exporter that was killed in the middle of a request is none."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        encoding = self.headers.get("Content-Encoding", "")
        status = self.server.receive(self.path, encoding, body)
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Write nothing to the terminal."""
