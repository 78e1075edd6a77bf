"""Aurora PostgreSQL, asked by SQL.

The functions are documented in "Aurora PostgreSQL functions reference"
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Appendix.AuroraPostgreSQL.Functions.html).
All values are cast to text: an application may have registered converters of its own. All names are
qualified: it may have a search path of its own.
"""

from __future__ import annotations

from aurora_otel.discovery.source import MOST_ROWS, NoAnswerError, Probe, Rows, answer
from aurora_otel.model.topology import Answer, Role

_ROLES = {"true": Role.READER, "false": Role.WRITER}

# The privilege functions are strict: for a function that does not exist they return NULL.
_PROBE = """
SELECT pg_catalog.pg_backend_pid()::pg_catalog.text,
  pg_catalog.has_function_privilege(pg_catalog.to_regprocedure(
    'pg_catalog.aurora_db_instance_identifier()'), 'EXECUTE')::pg_catalog.text,
  pg_catalog.has_function_privilege(pg_catalog.to_regprocedure(
    'pg_catalog.aurora_replica_status()'), 'EXECUTE')::pg_catalog.text
"""
_IDENTITY = """
SELECT pg_catalog.aurora_db_instance_identifier()::pg_catalog.text AS instance,
  pg_catalog.pg_is_in_recovery()::pg_catalog.text AS reader,
  pg_catalog.pg_backend_pid()::pg_catalog.text AS backend
"""
_WITH_VIEW = f"""
SELECT me.instance, me.reader, me.backend,
  status.server_id::pg_catalog.text, status.session_id::pg_catalog.text,
  EXTRACT(EPOCH FROM pg_catalog.clock_timestamp() - status.last_update_timestamp)::pg_catalog.text
FROM ({_IDENTITY}) AS me LEFT JOIN pg_catalog.aurora_replica_status() AS status ON true
LIMIT {MOST_ROWS}
"""  # noqa: S608 - constants only


class AuroraPostgreSQL:
    """The `Dialect` of Aurora PostgreSQL, and of plain PostgreSQL as far as `probe` goes."""

    probe = _PROBE

    def parse_probe(self, rows: Rows) -> Probe:
        """Read backend id, and the privilege on each function."""
        if len(rows) != 1 or len(rows[0]) != 3:  # noqa: PLR2004 - the columns of _PROBE
            raise NoAnswerError("not the columns that were asked for")
        backend_id, identity, view = rows[0]
        return Probe(backend_id or "", identity == "true", view == "true")

    def question(self, *, view: bool) -> str:
        """Return the statement."""
        return _WITH_VIEW if view else _IDENTITY

    def parse_answer(self, rows: Rows) -> Answer:
        """Read identity, and the members of the view."""
        return answer(rows, _ROLES)
