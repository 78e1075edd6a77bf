"""Where MariaDB is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_otel.lab.errors import LabError
from aurora_otel.lab.installation import Installation, server_account

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM = "mariadbd"
# Where distributions put servers, which are nothing for a user's own path.
PLACES = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/usr/local/libexec")
_SCRIPTS = ("system_tables", "performance_tables", "system_tables_data")
_SHARES = ("share/mysql", "share/mariadb", "share")


def find(directory: Path, watch: Callable[[int], None]) -> Installation:  # noqa: ARG001 -- as PostgreSQL's
    """Return the MariaDB of this machine.

    Args:
        directory: the lab's directory.
        watch: called with the id of each process that the installation starts.

    Raises:
        LabError: it is not installed.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *PLACES))
    found = shutil.which(PROGRAM, path=path)
    if found is None:
        raise LabError(
            "the lab needs MariaDB's server, mariadbd: on Debian and Ubuntu,"
            " apt-get install mariadb-server-core"
        )
    return Installation(Path(found).resolve().parent, server_account(), watch)


def system_tables(programs: Path) -> str:
    """Return the SQL that makes the system tables, as MariaDB ships it.

    Args:
        programs: where its programs are.

    Raises:
        LabError: the SQL is not where it belongs.
    """
    shares = [programs.parent / share for share in _SHARES]
    for share in shares:
        for brand in ("mariadb", "mysql"):  # until MariaDB 10 they had MySQL's name
            files = [share / f"{brand}_{script}.sql" for script in _SCRIPTS]
            if all(file.is_file() for file in files):
                return "".join(file.read_text(encoding="utf-8") for file in files)
    raise LabError(
        f"the SQL that makes MariaDB's system tables is in none of"
        f" {', '.join(map(str, shares))}: reinstall mariadb-server-core"
    )
