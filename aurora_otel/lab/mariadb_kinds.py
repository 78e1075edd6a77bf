"""MariaDB servers that play an instance of something else than an Aurora."""

from __future__ import annotations

from aurora_otel.lab import multi_az_sql
from aurora_otel.lab.mariadb import MariaDBServer


class PlainMariaDBServer(MariaDBServer):
    """A MariaDB like any other."""

    surface = ""


class MultiAZMariaDBServer(MariaDBServer):
    """An instance of an RDS Multi-AZ DB cluster."""

    surface = multi_az_sql.MYSQL_SURFACE
