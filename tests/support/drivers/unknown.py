"""Drivers that have no file, each added by one call: they go through every behaviour, too.

PyGreSQL is unknown to the agent. pg8000 and PyMySQL are added under other names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aurora_otel
from aurora_otel.lab import Cluster
from tests.support.drivers.calls import COMMON
from tests.support.drivers.descriptors import (
    Descriptor,
    _by_parameters,
    _first,
    _mysql,
    _pg8000_code,
)
from tests.support.drivers.engines import MYSQL, POSTGRESQL

_STAND_INS = "tests.drivers.stand_ins"


@dataclass(frozen=True)
class Unknown(Descriptor):
    """A driver that is added to aurora-otel by `instrument_dbapi`.

    Attributes:
        traits: the arguments of that call.
    """

    traits: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def introduce(self) -> None:
        """Add the driver."""
        aurora_otel.instrument_dbapi(
            self.dbapi, name=self.name, system=self.engine.name, **self.traits
        )

    def settings(self, cluster: Cluster) -> dict[str, str]:
        """Add the driver; return the settings that choose another one among the known drivers."""
        self.introduce()
        return {**super().settings(cluster), "drivers": "psycopg"}


def _is_proxied(name: str, engine: Any, package: str, arguments: Any, **others: Any) -> Unknown:
    return Unknown(
        name,
        engine,
        package,
        arguments,
        **others,
        has_upstream=False,
        is_subclassed=True,
        calls=COMMON,
    )


UNKNOWN = (
    _is_proxied(
        "pgdb",
        POSTGRESQL,
        "pgdb",
        lambda place: {**_by_parameters(place), "connect_timeout": 5},
        code=lambda error: error.sqlstate,
        takes_names=False,
        traits={
            "fileno": lambda connection: connection._cnx.fileno(),
            "backend_id": lambda connection: connection._cnx.backend_pid,
            "connect_timeout": "connect_timeout",
        },
    ),
    _is_proxied(
        "unknown-pg8000",
        POSTGRESQL,
        _STAND_INS,
        _by_parameters,
        code=_pg8000_code,
        module=f"{_STAND_INS}.pg8000",
        lost=(OSError,),
        traits={
            "fileno": lambda connection: connection._usock,
            "error_code": _pg8000_code,
            "connect_timeout": "timeout",
        },
    ),
    _is_proxied(
        "unknown-pymysql",
        MYSQL,
        _STAND_INS,
        _mysql,
        code=_first,
        module=f"{_STAND_INS}.pymysql",
        traits={
            "fileno": lambda connection: connection._sock,
            "backend_id": lambda connection: connection.thread_id(),
            "connect_timeout": ("connect_timeout", "read_timeout"),
        },
    ),
)
