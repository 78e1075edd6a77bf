"""How the workload connects, and where it writes, by engine.

What it connects with has no password in it: others see a command line. The driver, or the sample
application, takes it from the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from aurora_otel.drill.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aurora_otel.doctor.target import Target

APPLICATION_NAME = "aurora-otel drill"
_CONNECT_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine.

    Attributes:
        system: `db.system.name`.
        driver: `aurora.driver` of what the sample application uses.
        place: what the workload's tables lie in: a schema or a database.
        create: the statement that makes it; `{}` stands for its name.
        drop: the statement that drops it, and all that is in it.
        grant: what it takes to do so.
        password: the variable that the password is taken from.
        dsn: makes what the workload connects with, out of the target and the place's name.
    """

    system: str
    driver: str
    place: str
    create: str
    drop: str
    grant: str
    password: str
    dsn: Callable[[Target, str], str]

    def environment(self, target: Target) -> Mapping[str, str]:
        """Return what the workload needs in its environment."""
        password = target.parameters.get("password")
        return {self.password: password} if password else {}


def _postgresql(target: Target, schema: str) -> str:
    from psycopg import conninfo  # noqa: PLC0415 - only where it is installed

    given: dict[str, Any] = dict(conninfo.conninfo_to_dict(target.text))
    given.pop("password", None)
    given.setdefault("connect_timeout", _CONNECT_SECONDS)
    given["application_name"] = APPLICATION_NAME
    given["options"] = f"{given.get('options', '')} -c search_path={schema}".strip()
    return conninfo.make_conninfo(**given)


def _mysql(target: Target, database: str) -> str:
    given = dict(target.parameters)
    user = given.pop("user", "")
    for key in ("password", "dbname"):
        given.pop(key, None)
    query = {"connect_timeout": _CONNECT_SECONDS, "program_name": APPLICATION_NAME, **given}
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"mysql://{quote(user, safe='')}@{host}:{target.port}/{database}?{urlencode(query)}"


_POSTGRESQL = Engine(
    "postgresql",
    "psycopg",
    "schema",
    "CREATE SCHEMA {}",
    "DROP SCHEMA IF EXISTS {} CASCADE",
    "GRANT CREATE ON DATABASE … TO …",
    "PGPASSWORD",
    _postgresql,
)
_MYSQL = Engine(
    "mysql",
    "pymysql",
    "database",
    "CREATE DATABASE {}",
    "DROP DATABASE IF EXISTS {}",
    "GRANT ALL ON `aurora\\_otel\\_drill\\_%`.* TO …",
    "MYSQL_PWD",
    _mysql,
)
ENGINES = {
    "aurora-postgresql": _POSTGRESQL,
    "aurora-mysql": _MYSQL,
    "postgres": _POSTGRESQL,
    "mysql": _MYSQL,
}
"""By what the RDS API calls it; the last two are those of Multi-AZ DB clusters."""


def default_dsn(engine: Engine, host: str, port: int) -> str:
    """Return what leads to a cluster's own endpoint, with the login of the environment.

    Raises:
        RefusedError: nothing says as whom to log in.
    """
    if engine.system == "postgresql" and os.environ.get("PGUSER"):
        return f"host={host} port={port}"
    raise RefusedError(
        "Nothing says as whom the workload logs in: give --dsn"
        + (", or PGUSER and PGPASSWORD." if engine.system == "postgresql" else ".")
    )
