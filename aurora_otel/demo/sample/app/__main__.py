"""The command: which database, by which driver, from which pool, and how many clients."""

import argparse
from typing import Any

from . import __doc__ as about
from . import tasks, threads
from .commands import resolve
from .on_asyncpg import AsyncEngine, Asyncpg
from .on_psycopg import Engine, Psycopg, PsycopgPool
from .on_pymysql import PyMySQL

POOLS: dict[str, Any] = {
    "psycopg": {"psycopg_pool": PsycopgPool, "sqlalchemy": Engine},
    "pymysql": {},
    "asyncpg": {"sqlalchemy": AsyncEngine},
}
"""By driver, and by the library that a pool comes from."""


def main() -> None:
    """Run until standard input says `stop`, or ends."""
    parser = argparse.ArgumentParser(
        prog="app", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dsn")
    parser.add_argument("--driver", choices=POOLS, help="default: psycopg, or pymysql for a URL")
    parser.add_argument("--pool", choices=("psycopg_pool", "sqlalchemy", "none"), default="none")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--idle", type=int, default=16)
    parser.add_argument("--write-every", type=float, default=0.01, metavar="SECONDS")
    parser.add_argument("--fresh-every", type=float, default=1, metavar="SECONDS", help="0: never")
    parser.add_argument("--resolve", nargs="*", default=[], metavar="NAME=ADDRESS")
    options = parser.parse_args()

    driver = options.driver or ("pymysql" if options.dsn.startswith("mysql://") else "psycopg")
    pools = {"none": None, **POOLS[driver]}
    if options.pool not in pools:
        parser.error(f"argument --pool: with {driver}, one of {', '.join(pools)}")
    addresses = dict(each.split("=") for each in options.resolve)
    if addresses:
        resolve(addresses)
    if driver == "asyncpg":
        tasks.run(Asyncpg, pools[options.pool], options, addresses)
    else:
        plain = PyMySQL if driver == "pymysql" else Psycopg
        threads.run(plain, pools[options.pool], options, addresses)


if __name__ == "__main__":
    main()
