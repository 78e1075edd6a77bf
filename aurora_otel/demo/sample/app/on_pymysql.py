"""PyMySQL."""

import importlib
import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class PyMySQL:
    """PyMySQL, and the statements for MySQL.

    Args:
        dsn: a URL; its query has more arguments of PyMySQL's.
    """

    table = (
        "CREATE TABLE IF NOT EXISTS tallies"
        " (client varchar(64) PRIMARY KEY, writes bigint NOT NULL)"
    )
    write = (
        "INSERT INTO tallies (client, writes) VALUES (%s, 1)"
        " ON DUPLICATE KEY UPDATE writes = writes + 1"
    )

    def __init__(self, dsn: str) -> None:
        self._pymysql: Any = importlib.import_module("pymysql")
        url = urlsplit(dsn)
        more = {key: int(text) if text.isdigit() else text for key, text in parse_qsl(url.query)}
        self._login: dict[str, Any] = {
            "host": url.hostname,
            "port": url.port or 3306,
            "user": unquote(url.username or ""),
            "password": unquote(url.password or os.environ.get("MYSQL_PWD", "")),
            "database": url.path.lstrip("/"),
            **more,
        }
        self.error: type[Exception] = self._pymysql.Error

    def connect(self) -> Any:
        """Open a connection."""
        return self._pymysql.connect(**self._login, autocommit=True)

    def close(self, connection: Any) -> None:
        """Close it."""
        connection.close()

    def execute(self, connection: Any, statement: str, *params: Any) -> None:
        """Run a statement."""
        connection.cursor().execute(statement, params)

    def is_closed(self, connection: Any) -> bool:
        """Return whether the driver takes the connection for closed."""
        return not connection.open

    def refused(self, error: Any) -> bool:
        """Return whether the server is no writer."""
        return bool(error.args[0] == 1290)  # noqa: PLR2004 - the error's number says it

    def described(self, error: Any) -> str:
        """Return the error's type, number and message."""
        return " ".join(map(str, (type(error).__name__, *error.args)))
