"""Where identity and topology come from: one file a kind of cluster, and one line here."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aurora_otel.discovery.mysql import MySQL
from aurora_otel.discovery.postgresql import PostgreSQL
from aurora_otel.discovery.source import System, TopologySource


class Registration(NamedTuple):
    """A topology source.

    Attributes:
        system: the `db.system.name` of its servers.
        path: where its class is: `module:class`.
    """

    system: str
    path: str


# Of two that recognise a server, the first one counts.
REGISTRY = (
    Registration("mysql", "aurora_otel.discovery.aurora_mysql:AuroraMySQL"),
    Registration("mysql", "aurora_otel.discovery.multi_az_mysql:MultiAZMySQL"),
    Registration("mysql", "aurora_otel.discovery.group_replication:GroupReplication"),
    Registration("mysql", "aurora_otel.discovery.single:SingleMySQL"),
    Registration("mysql", "aurora_otel.discovery.plain_mysql:PlainMySQL"),
    Registration("postgresql", "aurora_otel.discovery.aurora_postgresql:AuroraPostgreSQL"),
    Registration("postgresql", "aurora_otel.discovery.multi_az_postgresql:MultiAZPostgreSQL"),
    Registration("postgresql", "aurora_otel.discovery.single:SinglePostgreSQL"),
    Registration("postgresql", "aurora_otel.discovery.plain_postgresql:PlainPostgreSQL"),
)
_KINDS: dict[str, Callable[[Sequence[TopologySource]], System]] = {
    "mysql": MySQL,
    "postgresql": PostgreSQL,
}


def _sources(system: str) -> list[TopologySource]:
    return [pkgutil.resolve_name(each.path)() for each in REGISTRY if each.system == system]


# By `db.system.name`.
SYSTEMS = {name: make(_sources(name)) for name, make in _KINDS.items()}

__all__ = ["SYSTEMS", "System", "TopologySource"]
