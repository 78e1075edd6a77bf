"""mysqlclient, as applications use it."""

from __future__ import annotations

from typing import Any

import MySQLdb
from MySQLdb.cursors import DictCursor, SSCursor, SSDictCursor

from aurora_otel.lab import Cluster
from tests.support.drivers.descriptors import BY_ID
from tests.support.drivers.features import Features
from tests.support.mysql import COMMON, abandoned, executed, row_by_row, state
from tests.support.sql import attempt


def several_statements(connection: Any) -> tuple[Any, ...]:
    cursor = connection.cursor()
    cursor.execute("SELECT 1; SELECT 2")
    return cursor.fetchall(), cursor.nextset(), cursor.fetchall(), cursor.nextset()


def below_the_cursors(connection: Any) -> Any:
    connection.query("SELECT 1, 'x'")
    return connection.store_result().fetch_row(0)


def in_two_steps(connection: Any) -> Any:
    connection.send_query(b"SELECT 1")
    connection.read_query_result()
    return connection.use_result().fetch_row(0)


FEATURES = {
    **COMMON,
    "row by row": lambda c: row_by_row(c, SSCursor),
    "abandoned": lambda c: abandoned(c, SSDictCursor),
    "several statements": several_statements,
    "below the cursors": below_the_cursors,
    "in two steps": in_two_steps,
    "dictionaries": lambda c: executed(c, "SELECT 1 AS a, 'x' AS b", cursor=DictCursor),
    "literal": lambda c: c.literal(["a", 1, None]),
    "statistics": lambda c: c.stat()[:7],
    "kill an unknown session": lambda c: c.kill(999_999_999),
}
# The server's statistics show no error; the rest is done without it.
WITHOUT_ERRORS = {"block", "literal", "statistics"}


def ended(_: Cluster, connection: Any) -> None:
    connection.close()
    assert attempt(lambda: executed(connection, "SELECT 1")).args == (2006, "")
    assert attempt(connection.close).args == (2006, "")


def streamed(connection: Any) -> Any:
    cursor = connection.cursor(SSCursor)
    cursor.execute("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_200000")
    return cursor


MYSQLCLIENT = Features(
    driver=BY_ID["mysqlclient"],
    features=FEATURES,
    on_the_network={name: FEATURES[name] for name in FEATURES if name not in WITHOUT_ERRORS},
    executed=executed,
    session=lambda connection: connection.thread_id(),
    state=lambda connection: (*state(connection), connection.get_autocommit()),
    ended=ended,
    streamed=streamed,
    streamed_lost=MySQLdb.OperationalError,
    converting={"use_unicode": False, "charset": "gbk"},
)
