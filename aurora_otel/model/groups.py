"""What connections are counted by, and how a count may end.

Pure: values only.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.topology import Role

# What is counted of instances that are not known, and of what exceeds a limit.
UNKNOWN = "unknown"
OTHER = "other"


class PruneReason(str, Enum):
    """Why a connection was dropped that the application did not close."""

    GARBAGE_COLLECTED = "garbage_collected"
    CLOSED = "closed"
    HUNG_UP = "hung_up"


class Outcome(str, Enum):
    """What came of invalidating a connection."""

    CLOSED = "closed"
    FAILED = "failed"
    OBSERVED = "observed"


class Group(NamedTuple):
    """What connections are counted by; `role` is the one at opening."""

    cluster: str
    system: str
    instance: str
    role: Role
    driver: str
    endpoint_type: EndpointType
