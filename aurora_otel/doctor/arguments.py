"""The arguments of `aurora-otel doctor`."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `aurora-otel doctor`."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--dsn",
        metavar="DSN",
        help="the application's connection string, as libpq takes it, or a URL that begins with "
        "postgresql:// or mysql://; the password may come from the environment instead "
        "(PGPASSWORD, MYSQL_PWD)",
    )
    where.add_argument(
        "--host", metavar="HOST[:PORT]", help="an endpoint, for the checks without a login"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
