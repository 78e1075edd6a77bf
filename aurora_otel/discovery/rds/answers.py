"""What the RDS API answers, as values.

Pure. Nothing here decides anything: the control plane lags a failover by many seconds, so it only
names whom to ask.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from aurora_otel.discovery.source import NoAnswerError, identifier
from aurora_otel.model.topology import EventKind

# Characters of an event's message that are reported, and what stands for others.
_LONGEST = 512
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# As error codes and exceptions are called; whatever else becomes an attribute of metrics.
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")


class Trouble(str, Enum):
    """Why the RDS API gave no answer."""

    NOT_INSTALLED = "boto3_missing"
    NO_CREDENTIALS = "no_credentials"
    BAD_CREDENTIALS = "bad_credentials"
    NO_REGION = "no_region"
    DENIED = "access_denied"
    THROTTLED = "throttled"
    NOT_FOUND = "not_found"
    UNREACHABLE = "unreachable"
    FAILED = "failed"


def identifiers(values: Any) -> tuple[str, ...]:
    """Return those of `values` that are identifiers; the others name no instance."""
    found = []
    for value in values:
        try:
            found.append(identifier(value))
        except NoAnswerError:  # noqa: PERF203 - each may be one
            continue
    return tuple(found)


def text(value: Any) -> str:
    """Return `value` as one line of a log."""
    return _CONTROL.sub(" ", str(value)[:_LONGEST])


def code(value: Any) -> str:
    """Return `value` as an error's code, or `Unknown` if it is none."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else "Unknown"


class ApiError(Exception):
    """The RDS API gave no answer.

    Attributes:
        trouble: why.
        action: the IAM action that was needed, such as `rds:DescribeDBClusters`.
        kind: the type of the exception behind it, or the API's error code, for telemetry.
    """

    def __init__(self, trouble: Trouble, action: str, kind: str) -> None:
        super().__init__(f"{action}: {trouble.value} ({kind})")
        self.trouble = trouble
        self.action = action
        self.kind = kind


class CustomEndpoint(NamedTuple):
    """A custom endpoint of a cluster.

    Attributes:
        host: its name.
        members: the instances that it may lead to.
    """

    host: str
    members: tuple[str, ...]


class ClusterDescription(NamedTuple):
    """What the control plane says of a cluster. It lags: nothing may be decided by it.

    Attributes:
        identifier: its name.
        region: where it is.
        status: `available`, `failing-over`, …
        engine: `aurora-postgresql` or `aurora-mysql`.
        engine_version: as AWS numbers it.
        endpoint: the host of the writer endpoint.
        reader_endpoint: the host of the reader endpoint.
        port: of all its endpoints.
        writer: the instance that it takes for the writer, if any.
        members: all its instances.
    """

    identifier: str
    region: str
    status: str
    engine: str
    engine_version: str
    endpoint: str
    reader_endpoint: str
    port: int
    writer: str | None
    members: tuple[str, ...]


# How the messages of RDS-EVENT-0069 to 0073 begin ("Amazon RDS event categories and event messages
# for Aurora"); the API gives no event's number.
_BEGINNINGS = {
    "Started ": EventKind.STARTED,
    "Completed failover": EventKind.COMPLETED,
    "Cluster failover failed": EventKind.FAILED,
    "Promoting previous primary again": EventKind.REVERTED,
}
_LAST = (EventKind.COMPLETED, EventKind.FAILED, EventKind.REVERTED)


class ApiEvent(NamedTuple):
    """An event of a cluster, as `DescribeEvents` returns it.

    Attributes:
        at: when it happened, aware of its time zone.
        message: in RDS's words.
    """

    at: datetime
    message: str

    @property
    def kind(self) -> EventKind:
        """What it reports."""
        for beginning, kind in _BEGINNINGS.items():
            if self.message.startswith(beginning):
                return kind
        return EventKind.OTHER

    @property
    def is_last(self) -> bool:
        """Whether the failover is over with it."""
        return self.kind in _LAST
