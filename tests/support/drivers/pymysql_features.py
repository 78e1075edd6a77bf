"""PyMySQL, as applications use it."""

from __future__ import annotations

import gc
import tempfile
from typing import Any

import pymysql
from pymysql.converters import conversions
from pymysql.cursors import DictCursor, SSCursor, SSDictCursor

from aurora_otel.lab import Cluster
from tests.support.drivers.descriptors import BY_ID
from tests.support.drivers.features import Features
from tests.support.mysql import COMMON, abandoned, executed, row_by_row, state
from tests.support.sql import attempt

# Converters of an application that fail on whatever is read.
FAILING = {
    **conversions,
    **{kind: lambda _: 1 / 0 for kind in conversions if isinstance(kind, int)},
}


def collected(connection: Any) -> tuple[Any, ...]:
    connection.cursor(SSDictCursor).execute("SELECT seq FROM seq_1_to_5")
    gc.collect()
    return executed(connection, "SELECT 'next'")


def loaded(connection: Any) -> tuple[Any, ...]:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("l1\nl2\n")
        file.flush()
        return executed(connection, f"LOAD DATA LOCAL INFILE '{file.name}' INTO TABLE items (x)")


FEATURES = {
    **COMMON,
    "ping": lambda c: c.ping(reconnect=False),  # older ones would connect again
    "row by row": lambda c: row_by_row(c, SSCursor),
    "abandoned": lambda c: abandoned(c, SSCursor),
    "collected": collected,
    "dictionaries": lambda c: executed(c, "SELECT 1 AS a, 'x' AS b", cursor=DictCursor),
    "load data": loaded,
    "mogrify": lambda c: c.cursor().mogrify("SELECT %s", ("x",)),
    "escape": lambda c: c.escape(["a", 1, None]),
    "kill an unknown session": lambda c: c.kill(999_999_999),
}
OFF_THE_NETWORK = {"block", "mogrify", "escape", "load data"}


def ended(_: Cluster, connection: Any) -> None:
    connection.close()
    assert attempt(lambda: executed(connection, "SELECT 1")).args == (0, "")
    assert str(attempt(connection.close)) == "Already closed"


def streamed(connection: Any) -> Any:
    cursor = connection.cursor(SSCursor)
    cursor.execute("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_20000")
    return cursor


PYMYSQL = Features(
    driver=BY_ID["pymysql"],
    features=FEATURES,
    on_the_network={name: FEATURES[name] for name in FEATURES if name not in OFF_THE_NETWORK},
    executed=executed,
    session=lambda connection: connection.thread_id(),
    state=lambda connection: (*state(connection), connection.server_status),
    ended=ended,
    streamed=streamed,
    streamed_lost=pymysql.OperationalError,
    fetches=("fetchone", "fetchmany", "fetchall", "close"),
    converting={"conv": FAILING, "use_unicode": False, "charset": "gbk"},
    for_items={"local_infile": True},
)
