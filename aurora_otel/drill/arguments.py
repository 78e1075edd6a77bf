"""The arguments of `aurora-otel drill`."""

from __future__ import annotations

import argparse

from aurora_otel.drill.rehearsal import Course
from aurora_otel.lab.arguments import seconds

_COURSE = Course()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `aurora-otel drill`."""
    parser.add_argument("--cluster", required=True, metavar="ID", help="the cluster's identifier")
    parser.add_argument(
        "--target",
        metavar="INSTANCE",
        help="the reader that is to become the writer (default: RDS chooses)",
    )
    parser.add_argument(
        "--region", help="the cluster's region (default: that of the AWS configuration)"
    )
    parser.add_argument(
        "--dsn",
        metavar="DSN",
        help="how the workload connects through the writer endpoint: a connection string as libpq"
        " takes it, or a URL (default: the cluster's own endpoint, with PGUSER, PGPASSWORD and"
        " PGDATABASE)",
    )
    parser.add_argument(
        "--before",
        type=seconds,
        default=_COURSE.before,
        metavar="SECONDS",
        help="how long to watch the healthy cluster first (default: %(default)g)",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=_COURSE.timeout,
        metavar="SECONDS",
        help="how long the cluster may take to get another writer (default: %(default)g)",
    )
    parser.add_argument(
        "--after",
        type=seconds,
        default=_COURSE.after,
        metavar="SECONDS",
        help="how long to watch afterwards (default: %(default)g)",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before failing over")
    parser.add_argument("--report", metavar="FILE", help="write a page about it into FILE")
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON, all else on standard error"
    )
