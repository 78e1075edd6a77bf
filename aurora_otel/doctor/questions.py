"""What the doctor asks a server beyond the agent's own questions: what is there, and the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from aurora_otel.drivers.protocol import Rows

_POSTGRESQL_FUNCTIONS = (
    "pg_catalog.aurora_db_instance_identifier()",
    "pg_catalog.aurora_replica_status()",
)


@dataclass(frozen=True, slots=True)
class Privileges:
    """What the role may ask.

    Attributes:
        role: the role.
        is_aurora: whether the server has what Aurora has.
        missing: what would have to be granted, as SQL.
    """

    role: str
    is_aurora: bool
    missing: tuple[str, ...]


class Questions(Protocol):
    """One database system's."""

    clock: str
    """A statement that returns the server's time, in seconds since the epoch."""

    privileges: str
    """A statement about what the role may ask; no server refuses it."""

    def parse_privileges(self, rows: Rows) -> Privileges:
        """Read the rows of `privileges`."""


class PostgreSQLQuestions:
    """Of PostgreSQL. All values are text, as in the agent's own questions."""

    clock = "SELECT EXTRACT(EPOCH FROM pg_catalog.clock_timestamp())::pg_catalog.text"
    # The privilege functions are strict: for a function that does not exist they return NULL.
    privileges = "SELECT pg_catalog.quote_ident(current_user)::pg_catalog.text, " + ", ".join(
        f"pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('{name}'), 'EXECUTE')"
        "::pg_catalog.text"
        for name in _POSTGRESQL_FUNCTIONS
    )

    def parse_privileges(self, rows: Rows) -> Privileges:
        """Read the role, and for each function whether it may be called; NULL: it is not there."""
        role, *may = rows[0]
        missing = [
            f"GRANT EXECUTE ON FUNCTION {name} TO {role};"
            for name, allowed in zip(_POSTGRESQL_FUNCTIONS, may, strict=True)
            if allowed == "false"
        ]
        return Privileges(role or "", may[0] is not None, tuple(missing))


class MySQLQuestions:
    """Of MySQL, where any user may read all that Aurora shows."""

    clock = "SELECT UNIX_TIMESTAMP(NOW(6))"
    privileges = "SHOW VARIABLES LIKE 'aurora_server_id'"

    def parse_privileges(self, rows: Rows) -> Privileges:
        """Read whether Aurora's variable is there."""
        return Privileges("the user", is_aurora=bool(rows), missing=())


QUESTIONS: dict[str, Questions] = {"mysql": MySQLQuestions(), "postgresql": PostgreSQLQuestions()}
"""By `db.system.name`."""
