"""What applications do with the DB-API drivers of MySQL, PyMySQL and mysqlclient alike."""

from __future__ import annotations

import re
from typing import Any

from aurora_otel.lab import Cluster
from tests.support.hang_ups import await_hang_up

ITEMS = "CREATE TEMPORARY TABLE items (id int AUTO_INCREMENT PRIMARY KEY, x varchar(20) UNIQUE)"


def arguments(cluster: Cluster, target: str = "writer") -> dict[str, Any]:
    """Return what to call `connect` with."""
    host, port = cluster.address(target)
    login = {"user": cluster.user, "password": cluster.password, "database": cluster.database}
    return {"host": host, "port": port, **login}


def writer_endpoint(cluster: Cluster) -> str:
    """Return the setting `WRITER_ENDPOINTS` with the writer endpoint's address."""
    return ":".join(map(str, cluster.address("writer")))


def end(cluster: Cluster, connection: Any, instance: str | None = None) -> None:
    """Make the server end a connection's session; wait until that has come through."""
    end_session(cluster, connection.thread_id(), instance)
    await_hang_up(connection)


def end_session(cluster: Cluster, session: int, instance: str | None = None) -> None:
    """Make the server end a session by its number; wait until it is gone."""
    instance = instance or cluster.writer
    cluster.execute(instance, f"KILL CONNECTION {session}")
    there = f"SELECT 1 FROM information_schema.processlist WHERE id = {session}"
    while cluster.execute(instance, there):
        pass


def executed(connection: Any, statement: str, *args: Any, cursor: Any = None) -> tuple[Any, ...]:
    """Run a statement; return all that the cursor shows of it."""
    cursor = connection.cursor(cursor)
    returned = cursor.execute(statement, *args)
    rows = cursor.fetchall() if cursor.description else None
    return returned, cursor.description, cursor.rowcount, cursor.lastrowid, rows


def executemany(connection: Any) -> tuple[Any, ...]:
    """Insert several rows by one statement."""
    cursor = connection.cursor()
    returned = cursor.executemany("INSERT INTO items (x) VALUES (%s)", [["a"], ["b"]])
    return returned, cursor.rowcount, connection.insert_id(), connection.affected_rows()


def several_results(connection: Any) -> list[Any]:
    """Call a procedure that returns two results."""
    cursor = connection.cursor()
    cursor.callproc("two_results", (1,))
    found = [cursor.fetchall()]
    while cursor.nextset():
        found.append(cursor.fetchall())
    return found


def row_by_row(connection: Any, cursor_class: type) -> tuple[Any, ...]:
    """Read rows as they come."""
    cursor = connection.cursor(cursor_class)
    cursor.execute("SELECT seq FROM seq_1_to_5")
    return cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall(), cursor.rowcount


def abandoned(connection: Any, cursor_class: type) -> tuple[Any, ...]:
    """Leave rows on their way, and go on with the next statement."""
    cursor = connection.cursor(cursor_class)
    cursor.execute("SELECT seq FROM seq_1_to_5")
    cursor.fetchone()
    cursor.close()
    return executed(connection, "SELECT 'next'")


def prepared(connection: Any) -> list[Any]:
    """Execute a prepared statement twice; for the drivers that have a cursor for it."""
    cursor = connection.cursor(prepared=True)
    found = []
    for number in (1, 2):
        cursor.execute("SELECT ?", (number,))
        found.append(cursor.fetchall())
    cursor.close()
    return found


def state(connection: Any) -> tuple[Any, ...]:
    """Return the state of a connection's transaction, as the server reports it."""
    return executed(connection, "SELECT @@in_transaction")[-1]


def autocommitted(connection: Any) -> tuple[Any, ...]:
    """Switch autocommit on and off."""
    connection.autocommit(1)
    on = connection.get_autocommit()
    connection.autocommit(0)
    return on, connection.get_autocommit()


def warned(connection: Any) -> tuple[Any, ...]:
    """Read the server's warnings."""
    executed(connection, "SELECT 1 + 'x'")
    return connection.show_warnings()


COMMON = {
    "execute": lambda c: executed(c, "SELECT 1, 'x', NULL"),
    "parameters": lambda c: executed(c, "SELECT %s, %s", (1, "it's")),
    "executemany": executemany,
    "several results": several_results,
    "autocommit": autocommitted,
    "begin": lambda c: (c.begin(), executed(c, "SELECT @@in_transaction"))[1],
    "commit": lambda c: (executed(c, "INSERT INTO items (x) VALUES ('c')"), c.commit())[1],
    "rollback": lambda c: (executed(c, "INSERT INTO items (x) VALUES ('r')"), c.rollback())[1],
    "warnings": warned,
    "database": lambda c: (c.select_db("information_schema"), executed(c, "SELECT DATABASE()")),
    "character set": lambda c: (c.set_character_set("latin1"), executed(c, "SELECT 'é'")),
    "ping": lambda c: c.ping(),
    "syntax error": lambda c: executed(c, "SELEC"),
    "unique violation": lambda c: executed(c, "INSERT INTO items (x) VALUES ('u'), ('u')"),
    "block": lambda c: c.__enter__() is c,
}


def bare(connection: Any) -> Any:
    """Return the driver's own object, if another instrumentation has a proxy around it."""
    return getattr(connection, "__wrapped__", connection)


def seen(outcome: tuple[Any, ...]) -> str:
    """Return an outcome as text that can be compared: no addresses, no session numbers."""
    return re.sub(r"0x[0-9a-f]+|connection \d+", "…", repr(outcome))
