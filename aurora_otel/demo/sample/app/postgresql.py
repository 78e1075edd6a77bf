"""What drivers of PostgreSQL have in common here: statements, and what errors mean."""

from typing import Any


class PostgreSQL:
    """Statements for PostgreSQL, with psycopg's parameters, and its errors."""

    table = "CREATE TABLE IF NOT EXISTS tallies (client text PRIMARY KEY, writes bigint NOT NULL)"
    write = """
    INSERT INTO tallies AS t (client, writes) VALUES (%s, 1)
    ON CONFLICT (client) DO UPDATE SET writes = t.writes + 1
    """
    numbered = write.replace("%s", "$1")

    def refused(self, error: Any) -> bool:
        """Return whether the server is no writer."""
        return _sqlstate(error) == "25006"

    def described(self, error: Any) -> str:
        """Return the error's type, its SQLSTATE if it has one, and its first line."""
        original = getattr(error, "orig", None) or error
        message = str(original).partition("\n")[0]
        kind = " ".join(filter(None, (type(original).__name__, _sqlstate(error))))
        return f"{kind}: {message}"


def _sqlstate(error: Any) -> str | None:
    """Return the SQLSTATE of a driver's error, or of one that SQLAlchemy made of it."""
    state: str | None = getattr(getattr(error, "orig", None) or error, "sqlstate", None)
    return state
