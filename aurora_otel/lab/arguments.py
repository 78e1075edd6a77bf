"""The arguments of `aurora-otel lab`."""

from __future__ import annotations

import argparse

from aurora_otel.lab.engines import ENGINES, KINDS
from aurora_otel.lab.failover import Failover


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--name", default="lab", help="the cluster's identifier (default: lab)")
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="postgresql",
        help="what plays Aurora: PostgreSQL (the default), or MariaDB for Aurora MySQL",
    )
    parser.add_argument(
        "--kind",
        choices=KINDS,
        default="aurora",
        help="what it plays: an Aurora (the default), an RDS Multi-AZ DB cluster, PostgreSQL or"
        " MariaDB with replicas behind services that move (plain), or an RDS instance whose name"
        " moves to another address (single)",
    )
    parser.add_argument(
        "--dns-lag",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long the endpoints go on leading to the old writer (default: 0)",
    )
    parser.add_argument(
        "--failover", choices=[kind.value for kind in Failover], help="fail over once, by itself"
    )
    parser.add_argument(
        "--after",
        type=seconds,
        default=5.0,
        metavar="SECONDS",
        help="when to do that, after the cluster is up (default: 5)",
    )
    parser.add_argument(
        "--for",
        dest="duration",
        type=seconds,
        metavar="SECONDS",
        help="end after so many seconds (default: at Ctrl-C or the end of the input)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON: how to connect first, then one line an event",
    )


def seconds(text: str) -> float:
    """Return a duration that an argument gives.

    Raises:
        argparse.ArgumentTypeError: it is negative, or no number.
    """
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"must be seconds, 0 or more; got {text}")
    return value
