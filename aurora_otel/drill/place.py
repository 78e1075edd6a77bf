"""Where the workload writes: a schema of its own, made before and dropped after.

with Place(target, environ) as place:
    Application([place.dsn, ...], environment={**os.environ, **place.environment})
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from psycopg import conninfo

from aurora_otel.doctor.connecting import connect
from aurora_otel.doctor.instance import Visit, leave, visit
from aurora_otel.doctor.login import refused
from aurora_otel.drill.errors import RefusedError

if TYPE_CHECKING:
    from typing_extensions import Self

    from aurora_otel.doctor.target import Target
    from aurora_otel.settings import Settings

DRIVER = "psycopg"
APPLICATION_NAME = "aurora-otel drill"
_CONNECT_SECONDS = 2
_DROP_SECONDS = 30.0


class Place:
    """A schema in the application's database.

    Attributes:
        schema: its name.
        visited: the instance behind the endpoint, as the agent identified it.
        left_behind: whether it could not be dropped.

    Args:
        target: the writer endpoint, with the application's login.
        settings: the agent's.
    """

    def __init__(self, target: Target, settings: Settings) -> None:
        self.schema = f"aurora_otel_drill_{secrets.token_hex(4)}"
        self.left_behind = False
        self._target = target
        self._made = False
        self.visited = self._visit(settings)

    def __enter__(self) -> Self:
        try:
            self._execute(f"CREATE SCHEMA {self.schema}")
        except Exception as error:  # noqa: BLE001 - the driver's own, which may quote anything
            raise RefusedError(
                f"The schema that the workload writes to cannot be made ({type(error).__name__}):"
                " take a user that may create one (GRANT CREATE ON DATABASE … TO …)."
            ) from None
        self._made = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.left_behind = self._made and not self._drop()

    @property
    def dsn(self) -> str:
        """What the workload connects with; no password is in it: others see a command line."""
        given: dict[str, Any] = dict(conninfo.conninfo_to_dict(self._target.text))
        given.pop("password", None)
        given.setdefault("connect_timeout", _CONNECT_SECONDS)
        given["application_name"] = APPLICATION_NAME
        given["options"] = f"{given.get('options', '')} -c search_path={self.schema}".strip()
        return conninfo.make_conninfo(**given)

    @property
    def environment(self) -> Mapping[str, str]:
        """What the workload needs in its environment."""
        password = conninfo.conninfo_to_dict(self._target.text).get("password")
        return {"PGPASSWORD": str(password)} if password else {}

    @property
    def statement(self) -> str:
        """What drops it."""
        return f"DROP SCHEMA IF EXISTS {self.schema} CASCADE"

    def _visit(self, settings: Settings) -> Visit:
        try:
            visited = visit(*connect(DRIVER, self._target), settings)
        except Exception as error:  # noqa: BLE001 - the driver's own, which may quote anything
            finding = refused(DRIVER, error)
            raise RefusedError(f"{finding.what}. {finding.remedy}") from None
        leave(visited)
        if visited.identity.answer is None:
            raise RefusedError(
                "The agent cannot tell which instance is behind the endpoint:"
                " run aurora-otel doctor --dsn …, it says why."
            )
        return visited

    def _drop(self) -> bool:
        """Drop it through the writer endpoint, as soon as that leads to the writer."""
        deadline = time.monotonic() + _DROP_SECONDS
        while True:
            with contextlib.suppress(Exception):
                self._execute(self.statement)
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)

    def _execute(self, statement: str) -> None:
        _, opening = connect(DRIVER, self._target)
        with contextlib.closing(opening.connection) as connection:
            connection.autocommit = True
            connection.execute(statement)
