"""What the drivers of one engine say to its servers, so that each behaviour is written once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WRITE = "INSERT INTO writes (x) VALUES ('drivers')"


@dataclass(frozen=True)
class Engine:
    """One kind of server.

    Attributes:
        name: `db.system.name` of the lab that runs it.
        lab: the fixture that starts it.
        session: statement; the server's number for the session.
        serving: statement; the instance that serves the session.
        sleep: statement; a long call.
        is_busy: the administrator's statement; a row while session `%s` is inside a statement.
        is_there: the administrator's statement; a row while session `%s` is there.
        kill: the administrator's statement; ends session `%s`.
        cancel: the administrator's statement; ends the statement of session `%s`.
        read_only_transaction: statements; from here on the application itself may not write.
        lock_at_once: statements; from here on a lock is not waited for.
        idle_timeout: statements; the server soon ends the session.
        forbidden: statements; one that an option of the server other than read-only refuses.
        codes: of the errors: `read_only`, `refused` (in the application's own read-only
            transaction), `lock`, `deadlock`, `forbidden`.
    """

    name: str
    lab: str
    session: str
    serving: str
    sleep: str
    is_busy: str
    is_there: str
    kill: str
    cancel: str
    read_only_transaction: tuple[str, ...]
    lock_at_once: tuple[str, ...]
    idle_timeout: tuple[str, ...]
    forbidden: tuple[str, ...]
    codes: dict[str, Any] = field(hash=False)


POSTGRESQL = Engine(
    name="postgresql",
    lab="lab",
    session="SELECT pg_backend_pid()",
    serving="SELECT current_setting('cluster_name')",
    sleep="SELECT pg_sleep(300)",
    # It is active between the messages of one statement, too, and forgets a request to cancel then.
    is_busy="SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
    " AND (wait_event = 'PgSleep' OR query LIKE 'COPY%%')",
    is_there="SELECT 1 FROM pg_stat_activity WHERE pid = %s",
    kill="SELECT pg_terminate_backend(%s::int)",
    cancel="SELECT pg_cancel_backend(%s::int)",
    read_only_transaction=("SET TRANSACTION READ ONLY",),
    lock_at_once=("SET lock_timeout = 1",),
    idle_timeout=("SET idle_in_transaction_session_timeout = 1",),
    forbidden=("SET shared_buffers = 16",),
    codes={
        "read_only": "25006",
        "refused": "25006",
        "lock": "55P03",
        "deadlock": "40P01",
        "forbidden": "55P02",
    },
)

MYSQL = Engine(
    name="mysql",
    lab="mysql_lab",
    session="SELECT CONNECTION_ID()",
    serving="SELECT @@aurora_server_id",
    sleep="SELECT SLEEP(300)",
    is_busy="SELECT 1 FROM information_schema.processlist WHERE id = %s AND state = 'User sleep'",
    is_there="SELECT 1 FROM information_schema.processlist WHERE id = %s",
    kill="KILL CONNECTION %s",
    cancel="KILL QUERY %s",
    read_only_transaction=("START TRANSACTION READ ONLY",),
    lock_at_once=("SET innodb_lock_wait_timeout = 0",),
    idle_timeout=("SET wait_timeout = 1",),
    forbidden=("SELECT 1 INTO OUTFILE '/forbidden'",),
    codes={
        "read_only": 1290,
        "refused": 1792,
        "lock": 1205,
        "deadlock": 1213,
        "forbidden": 1290,
    },
)
