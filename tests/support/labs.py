"""The labs that tests share."""

from __future__ import annotations

from typing import Any

from aurora_otel.lab import Cluster

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
