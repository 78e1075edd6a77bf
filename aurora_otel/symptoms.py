"""Errors: which of them are symptoms of a failover.

Pure. The tables are those of PostgreSQL's appendix A ("PostgreSQL Error Codes").
"""

from __future__ import annotations

from enum import Enum


class Symptom(str, Enum):
    """What made us look at the topology."""

    CONNECTION_LOST = "connection_lost"
    READ_ONLY = "read_only"
    MISROUTED = "misrouted"
    HUNG_UP = "hung_up"
    STUCK = "stuck"
    TOPOLOGY = "topology"


# read_only_sql_transaction: also raised by an application's own read-only transaction.
_READ_ONLY = "25006"
# admin_shutdown, crash_shutdown, cannot_connect_now
_SHUTDOWN = frozenset({"57P01", "57P02", "57P03"})


def of_postgresql(sqlstate: str | None, *, lost: bool) -> Symptom | None:
    """Classify an error of a PostgreSQL driver.

    Args:
        sqlstate: the five characters that the server sent, or `None` if it sent nothing.
        lost: whether the driver takes the connection for gone.
    """
    if sqlstate == _READ_ONLY:
        return Symptom.READ_ONLY
    if sqlstate is None:
        return Symptom.CONNECTION_LOST if lost else None
    if sqlstate in _SHUTDOWN or sqlstate.startswith("08"):
        return Symptom.CONNECTION_LOST
    return None
