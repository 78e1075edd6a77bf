"""MySQL by PyMySQL, aiomysql, and SQLAlchemy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pymysql

from tests.chaos.application.database import Database, Pool
from tests.chaos.application.library import Library
from tests.chaos.application.mysql_loops import Aiomysql
from tests.chaos.application.pools import SQLAlchemyPool


class MySQL(Database):
    """As `Database`.

    Args:
        logins: by target, without a password.
        password: at first.
    """

    drivers = ("pymysql",)
    errors = {"pymysql": pymysql.Error}  # noqa: RUF012 - a constant
    # By its own name, whatever kind of cluster it is of.
    writes = ("INSERT INTO writes (x) VALUES ('chaos')", "SELECT @@report_host")
    read = "SELECT MAX(id) FROM writes"
    long_query = "SELECT SLEEP(1.5)"
    begin_read_only = "START TRANSACTION READ ONLY"

    def __init__(self, logins: Mapping[str, Mapping[str, Any]], password: str) -> None:
        super().__init__(tuple(logins), password)
        self._logins = logins

    def connect(self, driver: str, target: str, *, autocommit: bool = False) -> Any:
        """Connect."""
        login = {**self._logins[target], "password": self.password}
        return self.count(pymysql.connect(**login, autocommit=autocommit))

    def is_closed(self, connection: Any) -> bool:
        """Whether PyMySQL has closed the socket."""
        return not connection.open

    def libraries(self) -> tuple[Library, ...]:
        """Return aiomysql."""
        return (Aiomysql(self, self._logins),)

    def pools(self) -> list[Pool]:
        """SQLAlchemy's."""
        return [SQLAlchemyPool("mysql", self, "pymysql")]
