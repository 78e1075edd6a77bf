"""PostgreSQL servers that play an instance of something else than an Aurora."""

from __future__ import annotations

from aurora_otel.lab import multi_az_sql
from aurora_otel.lab.postgres import PostgresServer


class PlainPostgresServer(PostgresServer):
    """A PostgreSQL like any other."""

    surface = ""
    in_recovery = "pg_catalog.pg_is_in_recovery()"

    def demote(self) -> None:
        """Restart as a reader, as Patroni and others do; that ends all sessions in order."""
        self.shut_down()
        self._daemon.write(self._standby, "")
        self._configure()
        self._start()


class MultiAZServer(PlainPostgresServer):
    """An instance of an RDS Multi-AZ DB cluster."""

    surface = multi_az_sql.SURFACE
