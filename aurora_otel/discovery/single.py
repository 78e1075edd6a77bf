"""One server at a time behind a name: its standby takes its address's place in a failover.

RDS's Multi-AZ DB instance, Azure's and Cloud SQL's servers with high availability, and what the
setting `SINGLE_ENDPOINTS` names. The standby cannot be connected to, and nothing in SQL shows it
(https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html). No reader
is ever taken for the writer; but sessions hang at an address where no server is any more. A server
has no name of its own there: it is called by the network address at which it was reached.
"""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.discovery.mysql import OFF, texts
from aurora_otel.discovery.postgresql import READER, ROLES
from aurora_otel.discovery.source import Confirmation, Match, NoAnswerError, Rows
from aurora_otel.model.topology import Answer, Role

# An Aurora has one of these functions, also where the login may not call it.
_IS_WRITABLE = f"""CASE
    WHEN pg_catalog.to_regprocedure('pg_catalog.aurora_version()') IS NOT NULL
      OR pg_catalog.to_regprocedure('pg_catalog.aurora_db_instance_identifier()') IS NOT NULL
      OR pg_catalog.inet_server_addr() IS NULL THEN NULL
    ELSE {READER} END"""
_POSTGRESQL_QUESTION = f"SELECT {READER}, pg_catalog.pg_backend_pid()::pg_catalog.text"
_MYSQL_QUESTION = "SELECT CAST(@@global.read_only AS CHAR), CONNECTION_ID()"
_VARIABLES = ("group_replication_group_name", "read_only", "wsrep_on")
_COLUMNS = 2


class SinglePostgreSQL:
    """The `TopologySource` of one PostgreSQL at a time behind a name."""

    kind = "single"
    is_of_rds = False
    evidence: Mapping[str, str] = {"writable": _IS_WRITABLE}
    confirmation = Confirmation.NAME_MOVED

    def recognise(self, found: Mapping[str, str | None]) -> Match | None:
        """Go by whether it accepts writes: a replica's own name leads to no writer."""
        return Match(self) if found["writable"] == "false" else None

    def question(self, *, view: bool) -> str:  # noqa: ARG002 - there is none
        """Return the statement."""
        return _POSTGRESQL_QUESTION

    def parse_answer(self, rows: Rows) -> Answer:
        """Read its role; who asked knows its address.

        Raises:
            NoAnswerError: it makes no sense.
        """
        if len(rows) != 1 or len(rows[0]) != _COLUMNS:
            raise NoAnswerError("not the columns that were asked for")
        reader, backend_id = rows[0]
        if reader not in ROLES or not backend_id:
            raise NoAnswerError("no role, or no backend id")
        return Answer("", ROLES[reader], backend_id)


class SingleMySQL:
    """The `TopologySource` of one MySQL or MariaDB at a time behind a name."""

    kind = "single"
    is_of_rds = False
    evidence: Mapping[str, str] = {name: f"'{name}'" for name in _VARIABLES}
    confirmation = Confirmation.NAME_MOVED

    def recognise(self, found: Mapping[str, str | None]) -> Match | None:
        """Go by whether it accepts writes, and is in no cluster where others do."""
        if found["wsrep_on"] == "ON" or found["group_replication_group_name"]:
            return None
        return Match(self) if found["read_only"] in OFF else None

    def question(self, *, view: bool) -> str:  # noqa: ARG002 - there is none
        """Return the statement."""
        return _MYSQL_QUESTION

    def parse_answer(self, rows: Rows) -> Answer:
        """Read its role; who asked knows its address.

        Raises:
            NoAnswerError: it makes no sense.
        """
        read_only, backend_id = texts(rows, _COLUMNS)
        return Answer("", Role.WRITER if read_only in OFF else Role.READER, backend_id)
