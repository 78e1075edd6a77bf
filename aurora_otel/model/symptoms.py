"""Errors: which of them are symptoms of a failover.

Pure. The tables are those of PostgreSQL's appendix A ("PostgreSQL Error Codes"), of MySQL's "Error
Message Reference" and of MariaDB's "MariaDB Error Code Reference".
"""

from __future__ import annotations

import re
from enum import Enum


class Symptom(str, Enum):
    """What made the agent refresh the topology."""

    CONNECTION_LOST = "connection_lost"
    READ_ONLY = "read_only"
    MISROUTED = "misrouted"
    HUNG_UP = "hung_up"
    STUCK = "stuck"
    CONNECT_FAILED = "connect_failed"
    TOPOLOGY = "topology"


# read_only_sql_transaction: also raised by an application's own read-only transaction.
_READ_ONLY = "25006"
# admin_shutdown, crash_shutdown, cannot_connect_now
_SHUTDOWN = frozenset({"57P01", "57P02", "57P03"})

# ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: also raised by an application's own read-only
# transaction.
_MYSQL_TRANSACTION = 1792
# ER_READ_ONLY_MODE, ER_INNODB_READ_ONLY
_MYSQL_READ_ONLY = frozenset({1836, 1874})
# ER_OPTION_PREVENTS_STATEMENT, of whichever option the message names.
_MYSQL_OPTION = 1290
_READ_ONLY_OPTION = re.compile(r"--[a-z_-]*read[_-]only\b", re.IGNORECASE)
# CR_SERVER_GONE_ERROR, CR_SERVER_LOST, CR_SERVER_LOST_EXTENDED; MariaDB's CR_ERR_NET_READ and
# CR_ERR_NET_WRITE; ER_SERVER_SHUTDOWN; MariaDB's ER_CONNECTION_KILLED
_MYSQL_LOST = frozenset({2006, 2013, 2055, 5013, 5014, 1053, 1927})


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


def of_mysql(errno: int | None, message: str, *, lost: bool) -> Symptom | None:
    """Classify an error of a MySQL or MariaDB driver.

    Args:
        errno: the number that the server or the client library gave it; `None` or 0: none.
        message: the text that came with it; only it names the server's option.
        lost: whether the driver takes the connection for gone.
    """
    if errno == _MYSQL_TRANSACTION or is_of_reader(errno, message):
        return Symptom.READ_ONLY
    if errno in _MYSQL_LOST or (not errno and lost):
        return Symptom.CONNECTION_LOST
    return None


def is_of_reader(errno: int | None, message: str) -> bool:
    """Return whether an error of MySQL's or MariaDB's says that the server accepts no writes.

    Args:
        errno: the number of the error.
        message: the text that came with it.
    """
    if errno == _MYSQL_OPTION:
        return _READ_ONLY_OPTION.search(message) is not None
    return errno in _MYSQL_READ_ONLY
