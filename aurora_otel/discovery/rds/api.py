"""The RDS API, asked over boto3: what the control plane knows of a cluster.

The one place that imports boto3, and only when it is asked. Every request has short time-outs and
is repeated once at most. Nothing here decides anything: the control plane lags a failover by many
seconds, so it only names whom to ask.

    api = RdsApi("eu-west-1")
    description = api.cluster("orders")
    print(description.writer, description.members)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from aurora_otel.discovery.rds.answers import (
    ApiError,
    ApiEvent,
    ClusterDescription,
    CustomEndpoint,
    Trouble,
    identifiers,
    text,
)
from aurora_otel.discovery.rds.errors import api_error
from aurora_otel.model import endpoints
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.version import __version__

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

# Seconds. The API answers within some tenths of a second; the thread that asks may wait.
CONNECT_TIMEOUT = 1.0
READ_TIMEOUT = 2.0
ATTEMPTS = 2
# One request, with the pause between two attempts.
LONGEST = ATTEMPTS * (CONNECT_TIMEOUT + READ_TIMEOUT) + 1.0
# Aurora allows five custom endpoints; an answer that goes on beyond so many items is no use.
_MOST_ITEMS = 500
# Aurora has 16 instances, and five custom endpoints; what is beyond these is no Aurora's.
_MOST_MEMBERS = 64
_Answer = TypeVar("_Answer")


class RdsApi:
    """The RDS API of one region; usable from several threads.

    Credentials, region and endpoint are those of the usual AWS configuration: environment, files,
    container or instance role. All methods block, and raise `ApiError` and nothing else.

    Args:
        region: its name; `None`: that of the AWS configuration.
        read_timeout: seconds that it may take for an answer.
        attempts: how often a request is sent at most.
    """

    def __init__(
        self,
        region: str | None = None,
        *,
        read_timeout: float = READ_TIMEOUT,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._wanted = region
        self._read_timeout = read_timeout
        self._attempts = attempts
        self._lock = threading.Lock()
        self._client: RDSClient | None = None

    def cluster(self, identifier: str) -> ClusterDescription:
        """Return the description of a cluster, its custom endpoints left out.

        Needs `rds:DescribeDBClusters`.
        """
        action = "DescribeDBClusters"
        found = self._first(action, "DBClusters", {"DBClusterIdentifier": identifier})
        if _named(found, "DBClusterIdentifier", action) != identifier.lower():
            raise ApiError(Trouble.NOT_FOUND, f"rds:{action}", "AnotherCluster")
        members = found.get("DBClusterMembers", ())[:_MOST_MEMBERS]
        writers = [each.get("DBInstanceIdentifier") for each in members if _is_writer(each)]
        return ClusterDescription(
            identifier=identifier.lower(),
            region=self.region,
            status=text(found.get("Status", "")),
            engine=text(found.get("Engine", "")),
            engine_version=text(found.get("EngineVersion", "")),
            endpoint=found.get("Endpoint", ""),
            reader_endpoint=found.get("ReaderEndpoint", ""),
            port=found.get("Port", 0),
            writer=next(iter(identifiers(writers)), None),
            members=identifiers(each.get("DBInstanceIdentifier") for each in members),
        )

    def cluster_of_instance(self, instance: str) -> str:
        """Return the identifier of the cluster that an instance belongs to.

        Needs `rds:DescribeDBInstances`.
        """
        action = "DescribeDBInstances"
        found = self._first(action, "DBInstances", {"DBInstanceIdentifier": instance})
        if not found.get("DBClusterIdentifier"):
            raise ApiError(Trouble.NOT_FOUND, f"rds:{action}", "NoClusterMember")
        return _named(found, "DBClusterIdentifier", action)

    def cluster_of_custom_endpoint(self, name: str) -> str:
        """Return the identifier of the cluster that has a custom endpoint of this name.

        Needs `rds:DescribeDBClusterEndpoints`.
        """
        action = "DescribeDBClusterEndpoints"
        found = self._first(action, "DBClusterEndpoints", {"DBClusterEndpointIdentifier": name})
        return _named(found, "DBClusterIdentifier", action)

    def custom_endpoints(self, cluster: ClusterDescription) -> tuple[CustomEndpoint, ...]:
        """Return the custom endpoints of a cluster: those with a name in its own domain.

        Needs `rds:DescribeDBClusterEndpoints`.
        """
        domain = endpoints.parse(cluster.endpoint, cluster.port).domain
        wanted = {"DBClusterIdentifier": cluster.identifier}
        found = self._all("DescribeDBClusterEndpoints", "DBClusterEndpoints", wanted)
        return tuple(
            CustomEndpoint(item["Endpoint"], _custom_members(item, cluster.members))
            for item in found[:_MOST_MEMBERS]
            if item.get("EndpointType") == "CUSTOM"
            and _is_custom_endpoint(item.get("Endpoint", ""), domain)
        )

    def failover_events(self, identifier: str, since: datetime) -> tuple[ApiEvent, ...]:
        """Return the events of the category `failover` of a cluster, the oldest first.

        Needs `rds:DescribeEvents`.

        Args:
            identifier: the cluster's.
            since: the time of the oldest one, aware of its time zone.
        """
        wanted = {
            "SourceIdentifier": identifier,
            "SourceType": "db-cluster",
            "StartTime": since,
            "EventCategories": ["failover"],
        }
        events = [
            ApiEvent(item["Date"], text(item.get("Message", "")))
            for item in self._all("DescribeEvents", "Events", wanted)
            if "failover" in item.get("EventCategories", ()) and "Date" in item
        ]
        return tuple(sorted(events, key=lambda event: event.at))

    def fail_over(self, identifier: str, target: str | None) -> None:
        """Have a reader become the writer. The agent never does; a drill does.

        Needs `rds:FailoverDBCluster`.

        Args:
            identifier: the cluster's.
            target: the reader; `None`: RDS chooses.
        """
        wanted = {"TargetDBInstanceIdentifier": target} if target else {}
        self._ask(
            "rds:FailoverDBCluster",
            lambda client: client.failover_db_cluster(DBClusterIdentifier=identifier, **wanted),
        )

    def token(self, host: str, port: int, user: str) -> str:
        """Return a fresh password for IAM database authentication; it is made here, not asked for.

        Using it needs `rds-db:connect`.

        Args:
            host: the instance's or endpoint's own name: the token is good for no other.
            port: the instance's own port.
            user: the database user.
        """
        return self._ask(
            "rds-db:connect", lambda client: client.generate_db_auth_token(host, port, user)
        )

    @property
    def region(self) -> str:
        """The region that is asked."""
        return self._ask("rds:DescribeDBClusters", lambda client: client.meta.region_name)

    def _first(self, operation: str, result: str, wanted: dict[str, Any]) -> dict[str, Any]:
        for item in self._all(operation, result, wanted):
            return item
        raise ApiError(Trouble.NOT_FOUND, f"rds:{operation}", "EmptyAnswer")

    def _all(self, operation: str, result: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        def read(client: Any) -> list[dict[str, Any]]:
            from botocore import xform_name  # noqa: PLC0415 - imported only when used

            paginator = client.get_paginator(xform_name(operation))
            pages = paginator.paginate(**wanted, PaginationConfig={"MaxItems": _MOST_ITEMS})
            return [item for page in pages for item in page.get(result, ())]

        return self._ask(f"rds:{operation}", read)

    def _ask(self, action: str, question: Callable[[RDSClient], _Answer]) -> _Answer:
        """Return the answer to a question; any exception on the way becomes an `ApiError`."""
        try:
            with self._lock:
                if self._client is None:
                    self._client = _connect(self._wanted, self._read_timeout, self._attempts)
            return question(self._client)
        except ApiError:
            raise
        except Exception as error:  # noqa: BLE001 - files, plugins and networks raise what they like
            raise api_error(error, action) from None


class Apis:
    """The RDS API of every region that this process asks."""

    def __init__(self) -> None:
        self._by_region: dict[str | None, RdsApi] = {}
        self._reported: set[tuple[Trouble, str]] = set()

    def of(self, region: str | None) -> RdsApi:
        """Return the API of `region`; `None`: of the region that is configured."""
        return self._by_region.setdefault(region, RdsApi(region))

    def is_new(self, error: ApiError) -> bool:
        """Return whether this is the first time for this trouble with this action."""
        kind = (error.trouble, error.action)
        known = kind in self._reported
        self._reported.add(kind)
        return not known


def _connect(region: str | None, read_timeout: float, attempts: int) -> RDSClient:
    """Make a client; this is what takes time: imports, credentials, a large service model."""
    import boto3  # noqa: PLC0415 - imported only when used
    from botocore.config import Config  # noqa: PLC0415 - as above
    from botocore.exceptions import NoCredentialsError  # noqa: PLC0415 - as above

    session = boto3.session.Session()
    if session.get_credentials() is None:
        raise NoCredentialsError
    return session.client(
        "rds",
        # botocore reads AWS_DEFAULT_REGION alone; containers are given the other one.
        region_name=region or session.region_name or os.environ.get("AWS_REGION"),
        config=Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=read_timeout,
            retries={"mode": "standard", "total_max_attempts": attempts},
            user_agent_extra=f"aurora-otel/{__version__}",
        ),
    )


def _named(found: dict[str, Any], key: str, operation: str) -> str:
    """Return the identifier under `key`, without which the answer is none."""
    names = identifiers([found.get(key)])
    if not names:
        raise ApiError(Trouble.FAILED, f"rds:{operation}", "NoAnswer")
    return names[0]


def _is_writer(member: Any) -> bool:
    return bool(member.get("IsClusterWriter"))


def _is_custom_endpoint(host: str, domain: str | None) -> bool:
    """Return whether `host` is a custom endpoint in `domain`: others may not join clusters."""
    named = endpoints.parse(host, 0)
    return named.type is EndpointType.CUSTOM and named.domain == domain


def _custom_members(item: dict[str, Any], members: tuple[str, ...]) -> tuple[str, ...]:
    """Return where a custom endpoint may lead: to its list, or to all but those on its list."""
    if static := item.get("StaticMembers"):
        return identifiers(static[:_MOST_MEMBERS])
    excluded = item.get("ExcludedMembers", ())
    return tuple(member for member in members if member not in excluded)
