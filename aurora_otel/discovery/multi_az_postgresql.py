"""RDS Multi-AZ DB clusters of PostgreSQL, asked by SQL.

One writer and two readable standbys. The functions belong to the extension `rds_tools`, which has
to be created in the application's own database
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL_rds_tools-functions-reference.html);
how they go together is known from AWS's own JDBC driver. The members' list lags behind a failover,
and may name the wrong writer: an instance is the writer by its own word alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.discovery import multi_az
from aurora_otel.discovery.postgresql import READER, ROLES
from aurora_otel.discovery.source import MOST_ROWS, Confirmation, Match, NoAnswerError, Rows
from aurora_otel.model.topology import Answer

_FUNCTIONS = ("dbi_resource_id", "multi_az_db_cluster_source_dbi_resource_id", "show_topology")
_NAMES = ", ".join(f"'{name}'" for name in _FUNCTIONS)
# The writer's resource id after an equals sign, where the login may call all of the functions; no
# more than that sign on a server of RDS's that has the extension and is no such cluster. By the
# catalogue: `to_regprocedure` raises where the schema may not be used. A function that does not
# exist would be an error before any CASE is evaluated; `ts_stat` runs a statement that is text.
_SOURCE = f"""CASE WHEN (SELECT pg_catalog.count(DISTINCT function.proname) = {len(_FUNCTIONS)}
    FROM pg_catalog.pg_proc AS function
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = function.pronamespace
    WHERE namespace.nspname = 'rds_tools' AND function.proname IN ({_NAMES})
      AND pg_catalog.has_schema_privilege(namespace.oid, 'USAGE')
      AND pg_catalog.has_function_privilege(function.oid, 'EXECUTE'))
  THEN (SELECT word FROM pg_catalog.ts_stat(
    'SELECT pg_catalog.array_to_tsvector(ARRAY[pg_catalog.concat(''='',
      rds_tools.multi_az_db_cluster_source_dbi_resource_id())])')) END"""  # noqa: S608 - constants only
_QUESTION = f"""
SELECT me.id, me.source, me.reader, me.backend,
  member.id::pg_catalog.text, member.endpoint::pg_catalog.text
FROM (SELECT rds_tools.dbi_resource_id()::pg_catalog.text AS id,
    rds_tools.multi_az_db_cluster_source_dbi_resource_id()::pg_catalog.text AS source,
    {READER} AS reader, pg_catalog.pg_backend_pid()::pg_catalog.text AS backend) AS me
LEFT JOIN rds_tools.show_topology('aurora-otel') AS member ON true
LIMIT {MOST_ROWS}
"""  # noqa: S608 - constants only
_COLUMNS = 6


class MultiAZPostgreSQL:
    """The `TopologySource` of RDS Multi-AZ DB clusters of PostgreSQL."""

    kind = "multi-az"
    is_of_rds = True
    evidence: Mapping[str, str] = {"source": _SOURCE}
    # A writer is terminated before another one is promoted.
    confirmation = Confirmation.FIRST_CLAIM

    def recognise(self, found: Mapping[str, str | None]) -> Match | None:
        """Go by the writer's resource id, which only such a cluster has."""
        return Match(self, view=True) if found["source"] not in (None, "=") else None

    def question(self, *, view: bool) -> str:  # noqa: ARG002 - an instance's name is in the list
        """Return the statement."""
        return _QUESTION

    def parse_answer(self, rows: Rows) -> Answer:
        """Read identity, and the members of the view.

        Raises:
            NoAnswerError: they make no sense, or the list does not have the instance itself.
        """
        if not rows or len(rows[0]) != _COLUMNS:
            raise NoAnswerError("not the columns that were asked for")
        own_id, source, reader, backend_id = rows[0][:4]
        if reader not in ROLES or not isinstance(backend_id, str) or not backend_id:
            raise NoAnswerError("no role, or no backend id")
        pairs = [row[4:] for row in rows[:MOST_ROWS] if len(row) == _COLUMNS]
        listed = multi_az.members(
            (its_id, host)
            for its_id, host in pairs
            if isinstance(its_id, str) and isinstance(host, str)
        )
        return multi_az.answer(listed, own_id, ROLES[reader], backend_id, writer_id=source)
