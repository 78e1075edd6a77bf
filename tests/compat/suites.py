"""The suites: what each needs, how it is run, and which of its tests must differ."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.compat import sources
from tests.compat.servers import PASSWORD, USER, Place

_PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]

DJANGO = "runtests.py"


@dataclass(frozen=True)
class Suite:
    """A test suite that others wrote.

    Attributes:
        name: of the suite, and of the driver that it tests where that is not the same.
        engine: the database server that it needs: `postgresql` or `mysql`.
        distribution: where its files come from.
        settings: environment variables for a server.
        tests: what to run: paths for pytest, or a command.
        inside: the directory in which it is run.
        installed: the distribution that is installed, if it has another name.
        explained: reasons by test, for those that must end differently with us.
    """

    name: str
    engine: str
    distribution: str
    settings: Callable[[Place], Mapping[str, str]]
    tests: tuple[str, ...]
    inside: str = "."
    installed: str = ""
    explained: Mapping[str, str] = field(default_factory=dict)

    def unpack(self, directory: Path) -> None:
        """Copy the suite's files into `directory`; the library itself is the installed one."""
        source = sources.unpacked(self.distribution, self.installed or self.distribution)
        shutil.copytree(source, directory, dirs_exist_ok=True)
        for package in ("mariadb", "MySQLdb", "pg8000", "psycopg2"):
            for path in (directory / package, directory / "src" / package):
                shutil.rmtree(path, ignore_errors=True)

    def command(self, results: Path, only: Collection[str]) -> list[str]:
        """Return what runs it.

        Args:
            results: the file for the results.
            only: the tests to run, by name; all of them if there are none.
        """
        names = sorted({re.split(r"::|\.", test.split("[")[0])[-1] for test in only})
        if self.tests[0] == DJANGO:
            return [sys.executable, *self.tests, *(f"-k={name}" for name in names)]
        chosen = ["-k", " or ".join(names)] if names else []
        return [*_PYTEST, f"--junitxml={results}", *self.tests, *chosen]


def _psycopg2(place: Place) -> dict[str, str]:
    return {
        "PSYCOPG2_TESTDB": place.database,
        "PSYCOPG2_TESTDB_HOST": place.host,
        "PSYCOPG2_TESTDB_PORT": str(place.port),
        "PSYCOPG2_TESTDB_USER": USER,
        "PSYCOPG2_TESTDB_PASSWORD": PASSWORD,
    }


def _pg8000(place: Place) -> dict[str, str]:
    return {"PGHOST": place.host, "PGPORT": str(place.port), "PGPASSWORD": PASSWORD}


def _mysqlclient(place: Place) -> dict[str, str]:
    file = sources.PLACE / "mysqlclient.cnf"
    file.write_text(
        f"[MySQLdb-tests]\nhost = {place.host}\nport = {place.port}\nuser = {USER}\n"
        f"password = {PASSWORD}\ndatabase = {place.database}\ndefault-character-set = utf8mb4\n"
    )
    return {"TESTDB": str(file)}


def _mariadb(place: Place) -> dict[str, str]:
    return {
        "TEST_DB_HOST": place.host,
        "TEST_DB_PORT": str(place.port),
        "TEST_DB_USER": USER,
        "TEST_DB_PASSWORD": PASSWORD,
        "TEST_DB_DATABASE": place.database,
    }


def _sqlalchemy(name: str, engine: str, url: str) -> Suite:
    def settings(place: Place) -> dict[str, str]:
        at = f"{url}://{USER}:{PASSWORD}@{place.host}:{place.port}/{place.database}"
        return {"PYTEST_ADDOPTS": f"--dburi={at} -p no:logging --dropfirst"}

    tests = ("test/dialect/test_suite.py", "--maxfail=100000")
    return Suite(f"SQLAlchemy, {name}", engine, "SQLAlchemy", settings, tests)


def _django(name: str, engine: str, backend: str) -> Suite:
    def settings(place: Place) -> dict[str, str]:
        return {
            "COMPAT_ENGINE": f"django.db.backends.{backend}",
            "COMPAT_HOST": place.host,
            "COMPAT_PORT": str(place.port),
            "COMPAT_USER": USER,
            "COMPAT_PASSWORD": PASSWORD,
            "COMPAT_DRIVER": name,
        }

    tests = (DJANGO, "--settings=tests.compat.django_settings", "--parallel=1", "--noinput")
    tests += ("backends", "transactions", "transaction_hooks")
    return Suite(f"Django, {name}", engine, "Django", settings, tests, inside="tests")


SUITES = (
    Suite(
        "psycopg2",
        "postgresql",
        "psycopg2",
        _psycopg2,
        ("tests",),
        installed="psycopg2-binary",
        explained={
            "tests.test_connection.ConnectionTests::test_cursor_factory_none": "compares the exact"
            " type() of a cursor; C types leave no way to watch them but a subclass"
        },
    ),
    Suite(
        "pg8000",
        "postgresql",
        "pg8000",
        _pg8000,
        ("test", "--ignore=test/test_readme.py", "--benchmark-disable"),
    ),
    Suite("mysqlclient", "mysql", "mysqlclient", _mysqlclient, ("tests",)),
    Suite("mariadb", "mysql", "mariadb", _mariadb, ("test",), inside="testing"),
    _sqlalchemy("psycopg", "postgresql", "postgresql+psycopg"),
    _sqlalchemy("psycopg2", "postgresql", "postgresql+psycopg2"),
    _sqlalchemy("pg8000", "postgresql", "postgresql+pg8000"),
    _sqlalchemy("PyMySQL", "mysql", "mariadb+pymysql"),
    _sqlalchemy("mysqlclient", "mysql", "mariadb+mysqldb"),
    _sqlalchemy("mysql-connector", "mysql", "mariadb+mysqlconnector"),
    _sqlalchemy("mariadb", "mysql", "mariadb+mariadbconnector"),
    _django("psycopg", "postgresql", "postgresql"),
    _django("psycopg2", "postgresql", "postgresql"),
    _django("mysqlclient", "mysql", "mysql"),
)
