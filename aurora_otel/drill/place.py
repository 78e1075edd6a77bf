"""Where the workload writes: a schema or database of its own, made before and dropped after.

with Place(target, environ) as place:
    Application([place.dsn, ...], environment={**os.environ, **place.environment})
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aurora_otel.doctor.connecting import connect
from aurora_otel.doctor.instance import Visit, leave, visit
from aurora_otel.doctor.login import refused
from aurora_otel.drill.errors import RefusedError
from aurora_otel.model.groups import UNKNOWN

if TYPE_CHECKING:
    from typing_extensions import Self

    from aurora_otel.doctor.target import Target
    from aurora_otel.drill.engines import Engine
    from aurora_otel.settings import Settings

_DROP_SECONDS = 30.0


class Place:
    """A schema or database.

    Attributes:
        engine: the cluster's.
        name: its name.
        visited: the instance behind the endpoint, as the agent identified it.
        left_behind: whether it could not be dropped.

    Args:
        target: the writer endpoint, with the application's login.
        engine: the cluster's.
        settings: the agent's.
    """

    def __init__(self, target: Target, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self.name = f"aurora_otel_drill_{secrets.token_hex(4)}"
        self.left_behind = False
        self._target = target
        self._made = False
        self.visited = self._visit(settings)

    @property
    def kind(self) -> str:
        """The kind of cluster that the agent sees there."""
        source = self.visited.identity.source
        return source.kind if source else UNKNOWN

    def __enter__(self) -> Self:
        try:
            self._execute(self.engine.create.format(self.name))
        except Exception as error:  # noqa: BLE001 - the driver's own, which may quote anything
            raise RefusedError(
                f"The {self.engine.place} that the workload writes to cannot be made"
                f" ({type(error).__name__}): take a user that may make one ({self.engine.grant})."
            ) from None
        self._made = True
        return self

    def __exit__(self, *_: object) -> None:
        self.left_behind = self._made and not self._drop()

    @property
    def dsn(self) -> str:
        """What the workload connects with; no password is in it."""
        return self.engine.dsn(self._target, self.name)

    @property
    def environment(self) -> Mapping[str, str]:
        """What the workload needs in its environment."""
        return self.engine.environment(self._target)

    @property
    def statement(self) -> str:
        """What drops it."""
        return self.engine.drop.format(self.name)

    def _visit(self, settings: Settings) -> Visit:
        try:
            visited = visit(*connect(self.engine.driver, self._target)[:2], settings)
        except Exception as error:  # noqa: BLE001 - the driver's own, which may quote anything
            finding = refused(self.engine.driver, error)
            raise RefusedError(f"{finding.what}. {finding.remedy}") from None
        leave(visited)
        if visited.identity.answer is None:
            raise RefusedError(
                "The agent cannot find out which instance is behind the endpoint:"
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
        opening = connect(self.engine.driver, self._target).opening
        with contextlib.closing(opening.connection) as connection:
            connection.cursor().execute(statement)
            connection.commit()
