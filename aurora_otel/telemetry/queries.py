"""The names of the agent's query spans and of their metric: the semantic conventions' stable ones.

https://opentelemetry.io/docs/specs/semconv/db/database-spans/
"""

from __future__ import annotations

from typing import Any

from opentelemetry.semconv.attributes.db_attributes import (
    DB_NAMESPACE,
    DB_OPERATION_NAME,
    DB_QUERY_SUMMARY,
    DB_QUERY_TEXT,
    DB_RESPONSE_STATUS_CODE,
    DB_SYSTEM_NAME,
)
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT

from aurora_otel.telemetry.names import INSTANCE_ID, INSTANCE_ROLE, Attribute, Kind, Metric

SYSTEM = DB_SYSTEM_NAME
NAMESPACE = DB_NAMESPACE
OPERATION = DB_OPERATION_NAME
SUMMARY = DB_QUERY_SUMMARY
TEXT = DB_QUERY_TEXT
STATUS_CODE = DB_RESPONSE_STATUS_CODE
ERROR = ERROR_TYPE

# Which of what a connection shows, as `Traced` names it, becomes which attribute.
SHOWN = {NAMESPACE: "database", SERVER_ADDRESS: "host", SERVER_PORT: "port"}

ATTRIBUTES = (
    Attribute(NAMESPACE, "as in the semantic conventions: the name of the database"),
    Attribute(OPERATION, "as in the semantic conventions: the statement's first word"),
    Attribute(SUMMARY, "as in the semantic conventions: the operation alone"),
    Attribute(TEXT, "as in the semantic conventions, with `QUERY_SPANS=text` alone"),
    Attribute(
        STATUS_CODE, "as in the semantic conventions: the SQLSTATE, or the number of a MySQL error"
    ),
)

SPAN_ATTRIBUTES = (
    SYSTEM,
    NAMESPACE,
    OPERATION,
    SUMMARY,
    TEXT,
    SERVER_ADDRESS,
    SERVER_PORT,
    ERROR,
    STATUS_CODE,
    INSTANCE_ID,
    INSTANCE_ROLE,
)

# The boundaries are the conventions' own.
DURATION = Metric(
    "db.client.operation.duration",
    Kind.HISTOGRAM,
    "s",
    "How long a call took that has a query span of the agent's own",
    (SYSTEM, NAMESPACE, SERVER_ADDRESS, SERVER_PORT, ERROR, STATUS_CODE),
    (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0),
)
METRICS = (DURATION,)

# Where a SQLSTATE stands in what pg8000 raises.
_PG8000_CODE = "C"


def status_code(error: Any) -> str | None:
    """Return the database's code of an error: its number on MySQL, its SQLSTATE on PostgreSQL.

    Args:
        error: as the driver raised it.
    """
    if isinstance(error, OSError):
        return None
    for name in ("errno", "sqlstate", "pgcode"):
        if value := getattr(error, name, None):
            return str(value)
    first = error.args[0] if error.args else None
    if isinstance(first, dict):
        first = first.get(_PG8000_CODE)
        return first if isinstance(first, str) else None
    return str(first) if isinstance(first, int) and first > 0 else None
