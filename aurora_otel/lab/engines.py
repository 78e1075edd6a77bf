"""The database engines that a lab can run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from aurora_otel.lab import addresses, mariadb_installation, postgres_installation
from aurora_otel.lab.filters import SilenceAfterLogin, SilenceAfterMySQLLogin
from aurora_otel.lab.mariadb import MariaDBServer
from aurora_otel.lab.mariadb_kinds import MultiAZMariaDBServer, PlainMariaDBServer
from aurora_otel.lab.mysql_surface import Surface
from aurora_otel.lab.postgres import PostgresServer
from aurora_otel.lab.postgres_kinds import MultiAZServer, PlainPostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from aurora_otel.lab.filters import Filter
    from aurora_otel.lab.installation import Installation
    from aurora_otel.lab.server import Credentials, Server

    Find = Callable[[Path, Callable[[int], None]], Installation]
    Create = Callable[[str, tuple[str, int], Path, Installation, Credentials], Server]


@dataclass(frozen=True, slots=True)
class Engine:
    """What plays an Aurora of one kind.

    Attributes:
        product: the servers' name, for people.
        find: finds the programs, for servers in a directory.
        server: makes a server, given identifier, address, directory, programs and accounts.
        silence: makes the filter that swallows all that follows a login.
        surface: makes the filter through which each link to a server speaks Aurora's SQL; None
            where the servers speak it themselves, and need no gateway in front of an instance.
        demotes_in_place: whether a writer can become a reader and keep its sessions.
        demotes_first: whether it is one before another instance is promoted; else both accept
            writes for a moment.
        names: what endpoints and instances are called; see `Addresses`.
        domain: what follows in these names by default.
        has_members: whether an application learns where the members are by `MEMBERS`, and not by
            what they are called.
        has_moving_name: whether the writer's name leads to the instance itself, past the gateway:
            to another address after a failover.
    """

    product: str
    find: Find
    server: Create
    silence: Callable[[], Filter]
    surface: Callable[[], Filter] | None = None
    demotes_in_place: bool = True
    demotes_first: bool = False
    names: Mapping[str, str] = field(default_factory=lambda: addresses.AURORA_NAMES)
    domain: str = "c0ffee123456.eu-west-1.rds.amazonaws.com"
    has_members: bool = False
    has_moving_name: bool = False


ENGINES = {
    "postgresql": Engine(
        "PostgreSQL", postgres_installation.find, PostgresServer, SilenceAfterLogin
    ),
    "mysql": Engine(
        "MariaDB", mariadb_installation.find, MariaDBServer, SilenceAfterMySQLLogin, Surface
    ),
}
_WITH_REPLICAS = {
    "postgresql": Engine(
        "PostgreSQL",
        postgres_installation.find,
        PlainPostgresServer,
        SilenceAfterLogin,
        demotes_in_place=False,
        demotes_first=True,
    ),
    "mysql": Engine(
        "MariaDB",
        mariadb_installation.find,
        PlainMariaDBServer,
        SilenceAfterMySQLLogin,
        demotes_first=True,
    ),
}
# By the kind of cluster, what plays it.
KINDS = {
    "aurora": ENGINES,
    "multi-az": {
        "postgresql": replace(_WITH_REPLICAS["postgresql"], server=MultiAZServer),
        "mysql": replace(_WITH_REPLICAS["mysql"], server=MultiAZMariaDBServer),
    },
    "plain": {
        name: replace(
            engine,
            names=addresses.PLAIN_NAMES,
            domain="default.svc.cluster.local",
            has_members=True,
        )
        for name, engine in _WITH_REPLICAS.items()
    },
    "single": {
        name: replace(engine, names=addresses.SINGLE_NAMES, has_moving_name=True)
        for name, engine in _WITH_REPLICAS.items()
    },
}


def named(name: str, kind: str) -> Engine:
    """Return what plays a kind of cluster; raises `ValueError` if there is no such engine."""
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    if name not in KINDS[kind]:
        raise ValueError(
            f"engine must be one of {', '.join(KINDS[kind])} for the kind {kind}; got {name!r}"
        )
    return KINDS[kind][name]
