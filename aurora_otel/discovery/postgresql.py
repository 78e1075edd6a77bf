"""PostgreSQL: the probe that any server answers, whatever kind it is."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_otel.discovery.source import (
    NoAnswerError,
    Probe,
    Rows,
    TopologySource,
    limit_of,
    recognise,
)
from aurora_otel.model.topology import Role

# An SQL expression for whether the session's server is a reader: what `ROLES` reads. A writer
# accepts writes: after a blue/green switchover the old primary is up, in no recovery, and read-only
# by its configuration. What the login, the database or the session itself has set is no evidence:
# the first two are the same on every instance of a cluster.
READER = """CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'true'
    WHEN pg_catalog.current_setting('default_transaction_read_only') = 'off' THEN 'false'
    WHEN EXISTS (SELECT FROM pg_catalog.pg_settings AS setting
      WHERE setting.name = 'default_transaction_read_only' AND setting.source IN
        ('client', 'database', 'database user', 'session', 'user')) THEN 'false'
    ELSE 'read-only' END"""
ROLES = {"true": Role.READER, "false": Role.WRITER, "read-only": Role.UNKNOWN}
# What the probe asks any server for: the session's number, and how many connections it allows.
_OWN = (
    "pg_catalog.pg_backend_pid()::pg_catalog.text",
    "pg_catalog.current_setting('max_connections', true)",
)


class PostgreSQL:
    """The `System` of PostgreSQL.

    Args:
        sources: the kinds of clusters to recognise, the most particular first.
    """

    def __init__(self, sources: Sequence[TopologySource]) -> None:
        self._sources = tuple(sources)
        evidence = (sql for source in self._sources for sql in source.evidence.values())
        self.probe = "SELECT " + ",\n  ".join((*_OWN, *evidence))

    def parse_probe(self, rows: Rows, *, is_single: bool = False) -> Probe:
        """Return the server's own answers, and what the first source makes of its columns.

        Args:
            rows: one row: `_OWN`, and a column for each evidence of each source.
            is_single: see `source.recognise`.

        Raises:
            NoAnswerError: other columns than were asked for.
        """
        columns = len(_OWN) + sum(len(source.evidence) for source in self._sources)
        if len(rows) != 1 or len(rows[0]) != columns:
            raise NoAnswerError("not the columns that were asked for")
        backend_id, max_connections, *values = rows[0]
        left = iter(values)
        found = [{name: next(left) for name in source.evidence} for source in self._sources]
        match = recognise(self._sources, found, is_single=is_single)
        return Probe(backend_id or "", match, limit_of(max_connections))
