"""mariadb, as applications use it."""

from __future__ import annotations

from typing import Any

from mariadb.constants import FIELD_TYPE

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
    return cursor.description, cursor.rowcount, cursor.lastrowid, cursor.warnings, rows


def executemany(connection: Any) -> int:
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO items (x) VALUES (?)", [("a",), ("b",)])
    return cursor.rowcount


def callproc(connection: Any) -> list[Any]:
    cursor = connection.cursor()
    cursor.callproc("two_results", (1,))
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall() if cursor.field_count else cursor.rowcount)
    return found


def row_by_row(connection: Any) -> tuple[Any, ...]:
    cursor = connection.cursor(buffered=False)
    cursor.execute("SELECT seq FROM seq_1_to_9")
    found = cursor.fetchone(), cursor.fetchmany(2), next(iter(cursor)), cursor.fetchall()
    cursor.close()
    return found


def abandoned(connection: Any) -> tuple[Any, ...]:
    cursor = connection.cursor(buffered=False)
    cursor.execute("SELECT seq FROM seq_1_to_9")
    cursor.fetchone()
    cursor.close()
    return executed(connection, "SELECT 'next'")


def scrolled(connection: Any) -> tuple[Any, ...]:
    cursor = connection.cursor()
    cursor.execute("SELECT seq FROM seq_1_to_9")
    cursor.scroll(3)
    return cursor.fetchone(), list(cursor)


def autocommitted(connection: Any) -> tuple[Any, ...]:
    connection.autocommit = True
    on = connection.autocommit, executed(connection, "SELECT @@autocommit")
    connection.autocommit = False
    return on, connection.autocommit


def database(connection: Any) -> tuple[str, str]:
    connection.select_db("information_schema")
    found = connection.database
    connection.database = "app"
    return found, connection.database


def two_phases(connection: Any) -> Any:
    connection.commit()
    connection.tpc_begin(connection.xid(1, "a", "b"))
    executed(connection, "INSERT INTO items (x) VALUES ('t')")
    connection.tpc_prepare()
    pending = connection.tpc_recover()
    connection.tpc_commit()
    return pending


FEATURES = {
    "execute": lambda c: executed(c, "SELECT 1, 'x', NULL, 1.5"),
    "parameters": lambda c: executed(c, "SELECT ?, ?", (1, "it's")),
    "other parameters": lambda c: executed(c, "SELECT %s", (1,)),
    "named parameters": lambda c: executed(c, "SELECT %(a)s", {"a": 1}),
    "dictionaries": lambda c: executed(c, "SELECT 1 AS a", dictionary=True),
    # Without the names of their fields: those lie in memory that the driver has freed.
    "named tuples": lambda c: [
        (type(row).__name__, *row) for row in executed(c, "SELECT 1 AS a", named_tuple=True)
    ],
    "binary": lambda c: executed(c, "SELECT 1", binary=True),
    "executemany": executemany,
    "callproc": callproc,
    "row by row": row_by_row,
    "abandoned": abandoned,
    "scroll": scrolled,
    "prepared": prepared,
    "autocommit": autocommitted,
    "begin": lambda c: (c.begin(), executed(c, "SELECT @@in_transaction")),
    "commit": lambda c: (executed(c, "INSERT INTO items (x) VALUES ('c')"), c.commit())[1],
    "rollback": lambda c: (executed(c, "INSERT INTO items (x) VALUES ('r')"), c.rollback())[1],
    "two phases": two_phases,
    "database": database,
    "ping": lambda c: (c.ping(), c.open),
    "warnings": lambda c: (executed(c, "SELECT 1 + 'x'"), c.show_warnings()),
    "kill an unknown session": lambda c: c.kill(999_999_999),
    "block": lambda c: c.__enter__() is c,
    "escape": lambda c: c.escape_string("it's"),
    "syntax error": lambda c: executed(c, "SELEC"),
    "unique violation": lambda c: executed(c, "INSERT INTO items (x) VALUES ('u'), ('u')"),
    "wrong arguments": lambda c: executed(c, "SELECT ?", (1, 2)),
    "no rows": lambda c: c.cursor().fetchone(),
}
WITHOUT_ERRORS = {"block", "escape", "wrong arguments", "no rows", "warnings"}


def ended(cluster: Cluster, connection: Any) -> list[Any]:
    connection.reset()
    connection.change_user(cluster.user, cluster.password, cluster.database)
    seen = [executed(connection, "SELECT DATABASE(), @@autocommit"), repr(connection)]
    connection.close()
    seen += [str(attempt(each)) for each in (connection.cursor, connection.close)]
    return [*seen, repr(connection)]


MARIADB = Features(
    driver=BY_ID["mariadb"],
    features=FEATURES,
    on_the_network={name: FEATURES[name] for name in FEATURES if name not in WITHOUT_ERRORS},
    executed=executed,
    session=lambda connection: connection.connection_id,
    state=lambda connection: executed(connection, "SELECT @@in_transaction")[-1],
    ended=ended,
    converting={"converter": {FIELD_TYPE.LONGLONG: lambda _: "converted"}},
    # What it asks after the login, if autocommit is to be off, would meet with silence as well.
    quiet={"autocommit": True},
    spanned={"executemany": ["INSERT"], "callproc": ["TWO_RESULTS"]},
)
