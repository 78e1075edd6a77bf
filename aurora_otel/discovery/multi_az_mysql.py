"""RDS Multi-AZ DB clusters of MySQL, asked by SQL.

One writer and two readable standbys. `mysql.rds_topology` lists them by their `server_id`; how it
goes together with the variables is known from AWS's own JDBC driver. RDS has that table for a
blue/green deployment, too, with a column more; on an instance of no such cluster `report_host` is
empty. The list lags behind a failover: an instance is the writer by its own word alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.discovery import multi_az
from aurora_otel.discovery.mysql import OFF, texts, where_readable
from aurora_otel.discovery.source import MOST_ROWS, Confirmation, Match, NoAnswerError, Rows
from aurora_otel.model.topology import Answer, Role

_QUESTION = f"""
SELECT CAST(@@global.server_id AS CHAR), CAST(@@global.read_only AS CHAR), CONNECTION_ID(),
  CAST(member.id AS CHAR), member.endpoint
FROM mysql.rds_topology AS member
LIMIT {MOST_ROWS}"""  # noqa: S608 - constants only
_OWN_COLUMNS = 3
_COLUMNS = 5


class MultiAZMySQL:
    """The `TopologySource` of RDS Multi-AZ DB clusters of MySQL."""

    kind = "multi-az"
    is_of_rds = True
    evidence: Mapping[str, str] = {
        "report_host": where_readable("report_host", "mysql", "rds_topology")
    }
    # A writer is terminated before another one is promoted.
    confirmation = Confirmation.FIRST_CLAIM

    def recognise(self, found: Mapping[str, str | None]) -> Match | None:
        """Go by the list of members, and by the name that the instance has in it."""
        return Match(self, view=True) if found["report_host"] else None

    def question(self, *, view: bool) -> str:  # noqa: ARG002 - an instance's name is in the list
        """Return the statement."""
        return _QUESTION

    def parse_answer(self, rows: Rows) -> Answer:
        """Read identity, and the members of the list.

        Raises:
            NoAnswerError: they make no sense, or the list does not have the instance itself.
        """
        own_id, read_only, backend_id = texts(rows, _OWN_COLUMNS)
        if any(len(row) != _COLUMNS for row in rows[:MOST_ROWS]):
            raise NoAnswerError("not the columns that were asked for")
        # It does not say which of them is the writer.
        listed = multi_az.members((row[3], row[4] or "") for row in rows[:MOST_ROWS])
        role = Role.WRITER if read_only in OFF else Role.READER
        return multi_az.answer(listed, own_id, role, backend_id)
