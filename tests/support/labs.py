"""The labs that tests share."""

from __future__ import annotations

from aurora_otel.lab import Cluster

END_SESSIONS = {
    "postgresql": "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE usename = 'app'",
    "mysql": "KILL USER app",
}


def as_new(lab: Cluster) -> Cluster:
    """Heal it, and end what sessions other tests left: garbage, or what a failure holds."""
    lab.heal()
    for each in lab.instances:
        lab.execute(each, END_SESSIONS[lab.engine])
    return lab
