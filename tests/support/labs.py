"""The labs that tests share."""

from __future__ import annotations

from typing import Any

from aurora_otel.lab import Cluster
from tests.support.waiting import eventually

END_SESSIONS = {
    "postgresql": "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE usename = 'app'",
    "mysql": "KILL USER app",
}
# A table to write to.
TABLE = {
    "postgresql": (
        "CREATE TABLE writes (id bigserial PRIMARY KEY, x text)",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO app",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app",
    ),
    "mysql": ("CREATE TABLE app.writes (id bigint AUTO_INCREMENT PRIMARY KEY, x text)",),
}


def create_table(lab: Cluster) -> None:
    """Create the table `writes`, which the application may write to."""
    for statement in TABLE[lab.engine]:
        lab.execute(lab.writer, statement)


def login_of(lab: Cluster) -> dict[str, Any]:
    """Return the application's login at the writer endpoint, by an address, as parameters."""
    host, port = lab.address("writer")
    login = {"user": lab.user, "password": lab.password, "database": lab.database}
    return {"host": host, "port": port, **login}


def as_new(lab: Cluster) -> Cluster:
    """Heal it, and end what sessions other tests left: garbage, or what a failure holds."""
    lab.heal()
    for each in lab.instances:
        lab.execute(each, END_SESSIONS[lab.engine])
    return lab


def let_readers_follow(lab: Cluster) -> None:
    """Wait until PostgreSQL's readers have replayed what the writer has written so far."""
    ((position,),) = lab.execute(lab.writer, "SELECT pg_current_wal_insert_lsn()::text")
    statement = "SELECT pg_last_wal_replay_lsn() >= %s::text::pg_lsn"
    for each in lab.readers:
        eventually(lambda each=each: lab.execute(each, statement, position) == [(True,)])


def configure(lab: Cluster, statement: str, name: str, value: str) -> None:
    """Have PostgreSQL's servers take a setting, in sessions that begin from now on.

    Args:
        lab: the cluster.
        statement: what changes the setting.
        name: of the setting.
        value: as `SHOW` returns it once the servers have taken it.
    """
    for each in lab.instances:
        lab.execute(each, statement)
        lab.execute(each, "SELECT pg_reload_conf()")
        eventually(lambda each=each: lab.execute(each, f"SHOW {name}") == [(value,)])
