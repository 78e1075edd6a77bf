"""mysql-connector-python, on either class, as applications use it."""

from __future__ import annotations

from typing import Any

import mysql.connector

from aurora_otel.lab import Cluster
from tests.support.drivers.descriptors import BY_ID
from tests.support.drivers.features import Features
from tests.support.mysql import prepared
from tests.support.sql import attempt


def executed(connection: Any, statement: str, params: Any = (), **how: Any) -> tuple[Any, ...]:
    """Run a statement; return all that the cursor shows of it."""
    cursor = connection.cursor(**how)
    cursor.execute(statement, params)
    rows = cursor.fetchall() if cursor.description else None
    return cursor.description, cursor.rowcount, cursor.lastrowid, rows


def executemany(connection: Any, **how: Any) -> int:
    cursor = connection.cursor(**how)
    cursor.executemany("INSERT INTO items (x) VALUES (%s)", [("a",), ("b",)])
    return cursor.rowcount


def callproc(connection: Any) -> tuple[Any, ...]:
    cursor = connection.cursor()
    returned = cursor.callproc("two_results", (1,))
    return returned, [list(result.fetchall()) for result in cursor.stored_results()]


def several_results(connection: Any) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute("SELECT 1; SELECT 2")
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall())
    return found


def row_by_row(connection: Any) -> tuple[Any, ...]:
    cursor = connection.cursor()
    cursor.execute("SELECT seq FROM seq_1_to_5")
    return cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall(), cursor.rowcount


def autocommitted(connection: Any) -> tuple[Any, ...]:
    connection.autocommit = True
    on = connection.autocommit
    connection.autocommit = False
    return on, connection.autocommit


def database(connection: Any) -> str:
    connection.database = "information_schema"
    return connection.database


def begun(connection: Any) -> tuple[Any, ...]:
    connection.start_transaction(isolation_level="READ COMMITTED", readonly=True)
    return connection.in_transaction, executed(connection, "SELECT 1")


FEATURES = {
    "execute": lambda c: executed(c, "SELECT 1, 'x', NULL, 1.5"),
    "parameters": lambda c: executed(c, "SELECT %s, %s", (1, "it's")),
    "named parameters": lambda c: executed(c, "SELECT %(a)s", {"a": 1}),
    "dictionaries": lambda c: executed(c, "SELECT 1 AS a", dictionary=True),
    "buffered": lambda c: executed(c, "SELECT 1", buffered=True),
    "raw": lambda c: executed(c, "SELECT 1", raw=True),
    "executemany": executemany,
    "callproc": callproc,
    "several results": several_results,
    "row by row": row_by_row,
    "prepared": prepared,
    "prepared executemany": lambda c: executemany(c, prepared=True),
    "autocommit": autocommitted,
    "database": database,
    "start_transaction": begun,
    "commit": lambda c: (executed(c, "INSERT INTO items (x) VALUES ('c')"), c.commit())[1],
    "rollback": lambda c: (executed(c, "INSERT INTO items (x) VALUES ('r')"), c.rollback())[1],
    "character set": lambda c: (c.set_charset_collation("latin1"), executed(c, "SELECT 'é'")),
    "time zone": lambda c: (setattr(c, "time_zone", "+01:00"), c.time_zone),
    "one row": lambda c: c.info_query("SELECT 1, 'x'"),
    "ping": lambda c: c.ping(),
    "is_connected": lambda c: c.is_connected(),
    "statistics": lambda c: sorted(c.cmd_statistics()),
    "syntax error": lambda c: executed(c, "SELEC"),
    "unique violation": lambda c: executed(c, "INSERT INTO items (x) VALUES ('u'), ('u')"),
    "wrong arguments": lambda c: executed(c, "SELECT %s", (1, 2)),
}
# A cursor asks whether the connection is there, so each of these shows it in one way or another.
ON_THE_NETWORK = {name: FEATURES[name] for name in FEATURES if name != "wrong arguments"} | {
    "reset_session": lambda c: c.reset_session()
}


def ended(_: Cluster, connection: Any) -> list[Any]:
    # With temporary tables, and what else the session had, gone.
    connection.reset_session(user_variables={"a": 1})
    seen = [executed(connection, "SELECT @a")]
    connection.close()
    seen += [connection.is_connected(), str(attempt(connection.cursor))]
    return [*seen, str(attempt(connection.close))]


def streamed(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute("SELECT seq, REPEAT('x', 1000) FROM seq_1_to_20000")
    return cursor


PURE, C = (
    Features(
        driver=BY_ID[f"mysql-connector-{variant}"],
        features=FEATURES,
        on_the_network=ON_THE_NETWORK,
        executed=executed,
        session=lambda connection: connection.connection_id,
        state=lambda connection: (connection.in_transaction, connection.unread_result),
        ended=ended,
        streamed=streamed,
        streamed_lost=mysql.connector.Error,
        # The pure class asks for the SQL mode of its own accord, inside a call.
        spanned={"executemany": ["INSERT"], "prepared": ["SELECT", "SELECT"]},
        silent=frozenset({"is_connected"}),
        # In a span the C class passes that on to MariaDB with a prepared statement's values, and
        # MariaDB takes it for one of them; without the agent, too.
        not_beside_upstream=frozenset({"prepared", "prepared executemany"}),
    )
    for variant in ("pure", "C")
)
