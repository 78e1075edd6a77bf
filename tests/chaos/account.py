"""What is done to the application's account and sessions, in each engine's words."""

from __future__ import annotations

import contextlib

from aurora_otel.lab import Cluster
from aurora_otel.lab.errors import StatementError

_STATEMENTS = {
    "postgresql": (
        "ALTER ROLE {user} NOLOGIN",
        "ALTER ROLE {user} LOGIN",
        "ALTER ROLE {user} PASSWORD '{password}'",
    ),
    "mysql": (
        "ALTER USER {user} ACCOUNT LOCK",
        "ALTER USER {user} ACCOUNT UNLOCK",
        "ALTER USER {user} IDENTIFIED BY '{password}'",
    ),
}
_SESSIONS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE usename = %s",
    "mysql": "SELECT id FROM information_schema.processlist WHERE user = %s",
}
_KILL = {"postgresql": "SELECT pg_terminate_backend(%s::int)", "mysql": "KILL CONNECTION %s"}


class Account:
    """The application's account.

    Args:
        cluster: its cluster.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock, self._unlock, self._change = _STATEMENTS[cluster.engine]

    def lock(self) -> None:
        """Refuse its logins."""
        self._run(self._lock)

    def unlock(self) -> None:
        """Allow it to log in again."""
        self._run(self._unlock)

    def change(self, password: str) -> None:
        """Give it another password."""
        self._run(self._change, password)

    def kill(self, instance: str, sessions: int) -> None:
        """End some of its sessions on an instance."""
        engine, execute = self._cluster.engine, self._cluster.execute
        found = execute(instance, _SESSIONS[engine], self._cluster.user)
        for (number,) in found[:sessions]:
            # It may have ended by itself.
            with contextlib.suppress(StatementError):
                execute(instance, _KILL[engine], number)

    def _run(self, statement: str, password: str = "") -> None:
        filled = statement.format(user=self._cluster.user, password=password)
        self._cluster.execute(self._cluster.writer, filled)
