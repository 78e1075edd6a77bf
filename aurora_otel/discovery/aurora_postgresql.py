"""Aurora PostgreSQL, asked by SQL.

The functions are documented in "Aurora PostgreSQL functions reference"
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Appendix.AuroraPostgreSQL.Functions.html).
All values are cast to text: an application may have registered converters of its own. All names are
qualified: it may have a search path of its own.

The routers of a Limitless database have the same functions, and each says that it is the writer.
AWS's own ODBC driver knows them by the relation `rds_aurora.limitless_subclusters`, and so does
this (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/limitless-shard.html).
"""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.discovery.aurora import answer
from aurora_otel.discovery.postgresql import READER, ROLES
from aurora_otel.discovery.source import MOST_ROWS, Confirmation, Match, Rows
from aurora_otel.model.topology import Answer

# The privilege functions are strict: for a function that does not exist they return NULL.
_MAY_CALL = """pg_catalog.has_function_privilege(pg_catalog.to_regprocedure(
    'pg_catalog.{name}()'), 'EXECUTE')::pg_catalog.text"""
# By the catalogue: `to_regclass` raises where the schema may not be used.
_IDENTITY_OR_ROUTER = f"""CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_class AS relation
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE namespace.nspname = 'rds_aurora' AND relation.relname = 'limitless_subclusters')
  THEN 'router' ELSE {_MAY_CALL.format(name="aurora_db_instance_identifier")} END"""
_IDENTITY = f"""
SELECT pg_catalog.aurora_db_instance_identifier()::pg_catalog.text AS instance,
  {READER} AS reader,
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
    """The `TopologySource` of Aurora PostgreSQL."""

    kind = "aurora"
    is_of_rds = True
    evidence: Mapping[str, str] = {
        "identity": _IDENTITY_OR_ROUTER,
        "view": _MAY_CALL.format(name="aurora_replica_status"),
    }
    confirmation = Confirmation.FIRST_CLAIM

    def recognise(self, found: Mapping[str, str | None]) -> Match | None:
        """Go by the privilege on each function, and by what only a Limitless database has."""
        if found["identity"] == "router":
            return Match(self, is_router=True)
        return Match(self, view=found["view"] == "true") if found["identity"] == "true" else None

    def question(self, *, view: bool) -> str:
        """Return the statement."""
        return _WITH_VIEW if view else _IDENTITY

    def parse_answer(self, rows: Rows) -> Answer:
        """Read identity, and the members of the view."""
        return answer(rows, ROLES)
