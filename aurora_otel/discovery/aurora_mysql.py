"""Aurora MySQL, asked by SQL.

The variables and the table are documented in "Aurora MySQL reference"
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Reference.html).
"""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.discovery.aurora import answer
from aurora_otel.discovery.source import MOST_ROWS, Confirmation, Match, Rows
from aurora_otel.model.topology import Answer, Role

_ROLES = {"1": Role.READER, "0": Role.WRITER, "read-only": Role.UNKNOWN}

# A writer accepts writes: after a blue/green switchover the old primary is up, no reader, and
# read-only by its parameter. That is a variable of the server alone: no session or login has one.
_IDENTITY_COLUMNS = """@@aurora_server_id,
  CASE WHEN @@innodb_read_only THEN '1' WHEN @@read_only THEN 'read-only' ELSE '0' END,
  CONNECTION_ID()"""
_IDENTITY = f"SELECT {_IDENTITY_COLUMNS}"
# Ages are reckoned from the newest row, not from NOW(): the session's time zone may be any. The
# limit overrides a `sql_select_limit` of the application's.
_WITH_VIEW = f"""\
SELECT {_IDENTITY_COLUMNS}, status.SERVER_ID, status.SESSION_ID,
  TIMESTAMPDIFF(MICROSECOND, status.LAST_UPDATE_TIMESTAMP,
    (SELECT MAX(LAST_UPDATE_TIMESTAMP) FROM information_schema.replica_host_status)) / 1000000
FROM (SELECT 1) AS me LEFT JOIN information_schema.replica_host_status AS status ON TRUE
LIMIT {MOST_ROWS}"""  # noqa: S608 - constants only


class AuroraMySQL:
    """The `TopologySource` of Aurora MySQL."""

    kind = "aurora"
    is_of_rds = True
    evidence: Mapping[str, str] = {"aurora_server_id": "'aurora_server_id'"}
    confirmation = Confirmation.FIRST_CLAIM

    def recognise(self, found: Mapping[str, str | None]) -> Match | None:
        """Go by the variable with the instance's identifier, which any user may read."""
        return Match(self, view=True) if found["aurora_server_id"] is not None else None

    def question(self, *, view: bool) -> str:
        """Return the statement."""
        return _WITH_VIEW if view else _IDENTITY

    def parse_answer(self, rows: Rows) -> Answer:
        """Read identity, and the members of the view."""
        return answer(rows, _ROLES)
