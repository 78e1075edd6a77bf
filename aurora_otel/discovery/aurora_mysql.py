"""Aurora MySQL, asked by SQL; MariaDB, as plain as a plain MySQL, is met here too.

The variables and the table are documented in "Aurora MySQL reference"
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Reference.html).
"""

from __future__ import annotations

from aurora_otel.discovery.source import MOST_ROWS, NoAnswerError, Probe, Rows, answer
from aurora_otel.model.topology import Answer, Role

_ROLES = {"1": Role.READER, "0": Role.WRITER}

# A variable that does not exist is an error in a SELECT, and a row less in a SHOW. CONNECTION_ID()
# returns this very pseudo_thread_id; poolers, which answer a bare CONNECTION_ID() themselves, pass
# this on to a server.
_PROBE = """\
SHOW VARIABLES WHERE Variable_name IN ('aurora_server_id', 'pseudo_thread_id')"""
_IDENTITY = """\
SELECT @@aurora_server_id, @@innodb_read_only, CONNECTION_ID()"""
# Ages are reckoned from the newest row, not from NOW(): the session's time zone may be any. The
# limit overrides a `sql_select_limit` of the application's.
_WITH_VIEW = f"""\
SELECT @@aurora_server_id, @@innodb_read_only, CONNECTION_ID(), status.SERVER_ID, status.SESSION_ID,
  TIMESTAMPDIFF(MICROSECOND, status.LAST_UPDATE_TIMESTAMP,
    (SELECT MAX(LAST_UPDATE_TIMESTAMP) FROM information_schema.replica_host_status)) / 1000000
FROM (SELECT 1) AS me LEFT JOIN information_schema.replica_host_status AS status ON TRUE
LIMIT {MOST_ROWS}"""  # noqa: S608 - constants only


class AuroraMySQL:
    """The `Dialect` of Aurora MySQL, and of plain MySQL and MariaDB as far as `probe` goes."""

    probe = _PROBE

    def parse_probe(self, rows: Rows) -> Probe:
        """Read the session's number, and whether the instance has an identifier."""
        if any(len(row) != 2 or not isinstance(row[0], str) for row in rows):  # noqa: PLR2004 - name and value
            raise NoAnswerError("not the columns that were asked for")
        found = {row[0]: row[1] for row in rows}
        backend_id = found.get("pseudo_thread_id")
        if not isinstance(backend_id, str) or not backend_id:
            raise NoAnswerError("no backend id")
        is_aurora = "aurora_server_id" in found
        return Probe(backend_id, identity=is_aurora, view=is_aurora)

    def question(self, *, view: bool) -> str:
        """Return the statement."""
        return _WITH_VIEW if view else _IDENTITY

    def parse_answer(self, rows: Rows) -> Answer:
        """Read identity, and the members of the view."""
        return answer(rows, _ROLES)
