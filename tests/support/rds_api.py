"""A control plane over real HTTP: moto's server, and a gate in front of it.

moto keeps the clusters, their members and writers, and fails them over; the agent's real boto3
client finds it through botocore's own `AWS_ENDPOINT_URL_RDS`. The gate is a real HTTP server that
speaks RDS's query protocol. It forwards to moto, and adds what moto does not do: it enforces an IAM
policy, throttles, goes silent, and answers the actions that moto does not implement
(`DescribeDBClusterEndpoints`) or knows no failovers in (`DescribeEvents`).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen
from xml.sax.saxutils import escape

import boto3
from moto.backends import get_backend
from moto.server import ThreadedMotoServer

from aurora_otel.lab import Cluster

REGION = "eu-west-1"
ACCOUNT = "123456789012"
NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"


@dataclass
class Endpoint:
    """A custom endpoint, as `DescribeDBClusterEndpoints` shows it."""

    name: str
    host: str
    members: Sequence[str] = ()
    excluded: Sequence[str] = ()


@dataclass
class Behaviour:
    """How the gate answers: the tests' dials.

    Attributes:
        allowed: the IAM actions that the caller's policy allows; `None`: all.
        throttled: whether every call is refused for coming too often.
        silent: whether calls are accepted and never answered.
        delay: seconds by which every answer is late.
        page: how many items an answer has at most.
        endpoints: the custom endpoints.
        events: time and message of each event of the category `failover`.
    """

    allowed: set[str] | None = None
    throttled: bool = False
    silent: bool = False
    delay: float = 0.0
    page: int = 100
    endpoints: list[Endpoint] = field(default_factory=list)
    events: list[tuple[datetime, str]] = field(default_factory=list)


class ControlPlane:
    """The RDS API for a lab's cluster."""

    def __init__(self) -> None:
        self.does = Behaviour()
        self.calls: Counter[str] = Counter()
        self.hooks: dict[str, Callable[[], object]] = {}
        self._released = threading.Event()
        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._moto.start()
        host, port = self._moto.get_host_and_port()
        self._behind = f"http://{host}:{port}"
        self._gate = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._gate.daemon_threads = True
        self._thread = threading.Thread(target=self._gate.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Return the value for `AWS_ENDPOINT_URL_RDS`."""
        host, port = self._gate.server_address[:2]
        return f"http://{host}:{port}"

    def reset(self) -> None:
        """Forget what tests have set, and answer as always."""
        self._released.set()
        self._released = threading.Event()
        self.does = Behaviour()
        self.calls.clear()
        self.hooks.clear()

    def stop(self) -> None:
        """End both servers."""
        self._released.set()
        self._gate.shutdown()
        self._gate.server_close()
        self._thread.join(10)
        self._moto.stop()

    def show(self, cluster: Cluster, *, engine: str = "aurora-postgresql") -> None:
        """Show a lab's cluster as it is now, under its own names."""
        client = self.client()
        backend = get_backend("rds")[ACCOUNT][REGION]
        if cluster.name not in backend.clusters:
            client.create_db_cluster(
                DBClusterIdentifier=cluster.name,
                Engine=engine,
                MasterUsername="rdsadmin",
                MasterUserPassword="not used here",
                Port=cluster.address("writer")[1],
            )
            for instance in cluster.instances:
                client.create_db_instance(
                    DBInstanceIdentifier=instance,
                    DBClusterIdentifier=cluster.name,
                    DBInstanceClass="db.r6g.large",
                    Engine=engine,
                )
            backend.clusters[cluster.name].url_identifier = cluster.domain.partition(".")[0]
        self.fail_over(cluster, cluster.writer)

    def fail_over(self, cluster: Cluster, writer: str) -> None:
        """Show another instance as the writer."""
        if self.writer(cluster) != writer:
            self.client().failover_db_cluster(
                DBClusterIdentifier=cluster.name, TargetDBInstanceIdentifier=writer
            )

    def writer(self, cluster: Cluster) -> str:
        """Return the instance that is shown as the writer."""
        (found,) = self.client().describe_db_clusters(DBClusterIdentifier=cluster.name)[
            "DBClusters"
        ]
        (writer,) = (m for m in found["DBClusterMembers"] if m["IsClusterWriter"])
        return writer["DBInstanceIdentifier"]

    def emit(self, message: str) -> None:
        """Have an event happen now."""
        self.does.events.append((datetime.now(timezone.utc), message))

    def client(self):
        """Return a client of moto's own, past the gate."""
        return boto3.client(
            "rds",
            region_name=REGION,
            endpoint_url=self._behind,
            aws_access_key_id="tests",
            aws_secret_access_key="tests",
        )

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Answer one request, or forward it to moto."""
        wanted = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        action = wanted["Action"]
        self.calls[action] += 1
        does = self.does
        if does.silent:
            self._released.wait(60)
        time.sleep(does.delay)
        if does.throttled:
            return _error(400, "Throttling", "Rate exceeded")
        if does.allowed is not None and f"rds:{action}" not in does.allowed:
            caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/secret-role/i-0"
            return _error(403, "AccessDenied", f"User: {caller} is not authorized: rds:{action}")
        if action in self.hooks:
            self.hooks[action]()
        if action == "DescribeDBClusterEndpoints":
            return self._endpoints(wanted)
        if action == "DescribeEvents":
            return self._events(wanted)
        return self._forward(headers, body)

    def _forward(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        kept = ("authorization", "content-type", "x-amz-date")
        passed = {key: value for key, value in headers.items() if key.lower() in kept}
        request = Request(self._behind, body, passed)
        try:
            with urlopen(request, timeout=10) as response:
                return response.status, response.read()
        except OSError as error:
            return getattr(error, "code", 500), getattr(error, "read", bytes)()

    def _endpoints(self, wanted: dict[str, str]) -> tuple[int, bytes]:
        name = wanted.get("DBClusterEndpointIdentifier")
        found = [each for each in self.does.endpoints if name in (None, each.name)]
        (cluster,) = get_backend("rds")[ACCOUNT][REGION].clusters.values()
        items = [
            f"<DBClusterEndpointList><DBClusterIdentifier>{cluster.db_cluster_identifier}"
            f"</DBClusterIdentifier><EndpointType>CUSTOM</EndpointType>"
            f"<DBClusterEndpointIdentifier>{each.name}</DBClusterEndpointIdentifier>"
            f"<Endpoint>{each.host}</Endpoint><CustomEndpointType>ANY</CustomEndpointType>"
            f"<StaticMembers>{_members(each.members)}</StaticMembers>"
            f"<ExcludedMembers>{_members(each.excluded)}</ExcludedMembers></DBClusterEndpointList>"
            for each in found
        ]
        return self._page("DescribeDBClusterEndpoints", "DBClusterEndpoints", items, wanted)

    def _events(self, wanted: dict[str, str]) -> tuple[int, bytes]:
        items = [
            f"<Event><SourceIdentifier>{wanted['SourceIdentifier']}</SourceIdentifier>"
            f"<SourceType>db-cluster</SourceType><Message>{escape(message)}</Message>"
            f"<EventCategories><EventCategory>failover</EventCategory></EventCategories>"
            f"<Date>{at.isoformat()}</Date></Event>"
            for at, message in self.does.events
            if at >= datetime.fromisoformat(wanted["StartTime"].replace("Z", "+00:00"))
        ]
        return self._page("DescribeEvents", "Events", items, wanted)

    def _page(
        self, action: str, result: str, items: list[str], wanted: dict[str, str]
    ) -> tuple[int, bytes]:
        start = int(wanted.get("Marker", 0))
        end = start + self.does.page
        marker = f"<Marker>{end}</Marker>" if end < len(items) else ""
        body = f"<{result}>{''.join(items[start:end])}</{result}>{marker}"
        return 200, (
            f'<{action}FailoverHandler xmlns="{NAMESPACE}"><{action}Result>{body}</{action}Result>'
            f"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}FailoverHandler>"
        ).encode()


def _members(instances: Sequence[str]) -> str:
    return "".join(f"<member>{instance}</member>" for instance in instances)


def _error(status: int, code: str, message: str) -> tuple[int, bytes]:
    return status, (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    ).encode()


def _handler(plane: ControlPlane) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert urlsplit(self.path).path == "/"
            status, answer = plane.answer(dict(self.headers), body)
            with suppress(OSError):  # a client that has given up
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
