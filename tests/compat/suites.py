"""The suites: what each needs, how it is run, and which of its tests must differ."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from tests.compat import sources
from tests.compat.servers import PASSWORD, USER, Place

_PYTEST = ("-m", "pytest", "-q", "--rootdir=.", "-p", "compat_outcomes")
_PYTEST += ("-p", "no:cacheprovider", "-p", "no:xdist")
_DJANGO = ("runtests.py", "--settings=compat_django_settings", "--parallel=1", "--noinput")


def _no_files(_: Place) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Suite:
    """A test suite that others wrote.

    Attributes:
        name: what the command line calls it.
        engine: the database server that it needs: `postgresql` or `mysql`.
        distribution: where its files come from.
        driver: the distribution of the driver that it uses.
        settings: environment variables for a server.
        command: what Python is given to run it.
        inside: the directory in which it is run.
        hidden: where its files hold the library itself: it is the installed one that is tested.
        files: what to put into its files for a server, by their paths.
        by: which of the driver's ways of connecting it uses, if another suite uses the other.
        reasons: why a test must end differently with us, by test.
    """

    name: str
    engine: str
    distribution: str
    driver: str
    settings: Callable[[Place], Mapping[str, str]]
    command: tuple[str, ...]
    inside: str = "."
    hidden: str = ""
    files: Callable[[Place], Mapping[str, str]] = _no_files
    by: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def versions(self) -> tuple[str, str]:
        """The suite and its driver, with their versions."""
        driver = f"{self.driver} {version(self.driver)}"
        if self._is_the_drivers:
            return driver, driver
        own = f"{self.distribution} {version(self.distribution)}"
        return own, f"{driver} ({self.by})" if self.by else driver

    def source(self) -> Path:
        """Return the directory of its files; fetch them if they are not there yet."""
        installed = self.driver if self._is_the_drivers else self.distribution
        return sources.unpacked(f"{self.distribution}=={version(installed)}")

    def unpack(self, directory: Path, place: Place) -> None:
        """Copy its files into `directory`, where it may do with them what it likes."""
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(self.source(), directory)
        if self.hidden:
            shutil.rmtree(directory / self.hidden)
        for path, text in self.files(place).items():
            (directory / path).write_text(text)

    def arguments(self, only: Collection[str]) -> list[str]:
        """Return the command that runs it.

        Args:
            only: the tests to run, by name, and perhaps some more; all of them if there are none.
        """
        names = sorted({re.split(r"::|\.", test.split("[")[0])[-1] for test in only})
        if "pytest" in self.command:
            chosen = ["-k", " or ".join(names)] if names else []
        else:
            chosen = [f"-k={name}" for name in names]
        return [sys.executable, *self.command, *chosen]

    @property
    def _is_the_drivers(self) -> bool:
        return self.driver.startswith(self.distribution)  # psycopg2-binary is psycopg2


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


def _asyncpg(place: Place) -> dict[str, str]:
    # Some of its tests take this very database for the one that others connect to.
    login = {"PGUSER": USER, "PGPASSWORD": PASSWORD, "PGDATABASE": "postgres"}
    return {"PGHOST": place.host, "PGPORT": str(place.port), **login}


def _aiomysql(place: Place) -> dict[str, str]:
    # It wants TLS, and asks for it as `root`. Its `sa` knows SQLAlchemy up to 1.3: with a later one
    # some of its tests wait for ever.
    without_sa = "-k 'not sa_ and not engine and not transaction_context and not compatible_cursor'"
    return {
        "MYSQL_ROOT_PASSWORD": PASSWORD,
        "PYTEST_ADDOPTS": f"--mysql-address={place.encrypted} {without_sa}",
    }


def _trusted_by_aiomysql(place: Place) -> dict[str, str]:
    return {"tests/ssl_resources/ssl/ca.pem": place.certificate}


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


def _mysql_connector(place: Place) -> dict[str, str]:
    return {
        "MYSQL_HOST": place.host,
        "MYSQL_PORT": str(place.port),
        "MYSQL_USER": USER,
        "MYSQL_PASSWORD": PASSWORD,
    }


def _sqlalchemy(name: str, driver: str, engine: str, url: str, by: str = "") -> Suite:
    def settings(place: Place) -> dict[str, str]:
        at = f"{url}://{USER}:{PASSWORD}@{place.host}:{place.port}/{place.database}"
        return {"PYTEST_ADDOPTS": f"--dburi={at} -p no:logging --dropfirst"}

    command = (*_PYTEST, "test/dialect/test_suite.py", "--maxfail=100000")
    return Suite(f"sqlalchemy-{name}", engine, "SQLAlchemy", driver, settings, command, by=by)


def _django(name: str, driver: str, engine: str, backend: str) -> Suite:
    def settings(place: Place) -> dict[str, str]:
        return {
            "COMPAT_ENGINE": f"django.db.backends.{backend}",
            "COMPAT_HOST": place.host,
            "COMPAT_PORT": str(place.port),
            "COMPAT_USER": USER,
            "COMPAT_PASSWORD": PASSWORD,
            "COMPAT_DRIVER": name,
        }

    command = (*_DJANGO, "backends", "transactions", "transaction_hooks")
    return Suite(f"django-{name}", engine, "Django", driver, settings, command, inside="tests")


# asyncpg counts in C, where nothing can take a question back.
_COUNTED = "counts the queries of a new connection, which has been asked for its instance"
SUITES = (
    Suite(
        "psycopg2",
        "postgresql",
        "psycopg2",
        "psycopg2-binary",
        _psycopg2,
        (*_PYTEST, "tests"),
    ),
    Suite(
        "pg8000",
        "postgresql",
        "pg8000",
        "pg8000",
        _pg8000,
        # Its test of the README wants a server of its own.
        (*_PYTEST, "test", "--ignore=test/test_readme.py", "--benchmark-disable"),
        hidden="src/pg8000",
    ),
    Suite(
        "asyncpg",
        "postgresql",
        "asyncpg",
        "asyncpg",
        _asyncpg,
        (*_PYTEST, "tests"),
        hidden="asyncpg",
        reasons={
            "tests/test_execute.py::TestExecuteScript::test_execute_script_1": _COUNTED,
            "tests/test_prepare.py::TestPrepare::test_prepare_01": _COUNTED,
        },
    ),
    _sqlalchemy("psycopg", "psycopg", "postgresql", "postgresql+psycopg"),
    _sqlalchemy(
        "psycopg_async",
        "psycopg",
        "postgresql",
        "postgresql+psycopg_async",
        by="AsyncConnection",
    ),
    _sqlalchemy("asyncpg", "asyncpg", "postgresql", "postgresql+asyncpg"),
    _sqlalchemy("psycopg2", "psycopg2-binary", "postgresql", "postgresql+psycopg2"),
    _sqlalchemy("pg8000", "pg8000", "postgresql", "postgresql+pg8000"),
    _django("psycopg", "psycopg", "postgresql", "postgresql"),
    _django("psycopg2", "psycopg2-binary", "postgresql", "postgresql"),
    Suite(
        "aiomysql",
        "mysql",
        "aiomysql",
        "aiomysql",
        _aiomysql,
        # LOAD DATA LOCAL is what the lab's gateway does not read.
        (*_PYTEST, "tests", "--ignore=tests/sa", "--ignore=tests/test_load_local.py"),
        hidden="aiomysql",
        files=_trusted_by_aiomysql,
    ),
    Suite(
        "mysqlclient",
        "mysql",
        "mysqlclient",
        "mysqlclient",
        _mysqlclient,
        (*_PYTEST, "tests"),
        hidden="src/MySQLdb",
    ),
    Suite(
        "mariadb",
        "mysql",
        "mariadb",
        "mariadb",
        _mariadb,
        (*_PYTEST, "test"),
        inside="testing",
        hidden="mariadb",
    ),
    Suite(
        "mysql-connector",
        "mysql",
        "mysql-connector-python",
        "mysql-connector-python",
        _mysql_connector,
        ("-m", "compat_mysql_connector", "--use-external-server", "--skip-install"),
        reasons={
            "tests.test_bugs.BugOra13435186.test_connection": "counts the objects of the whole"
            " process; the background loop works off the queue of closed connections, a few"
            " dozen at a time"
        },
    ),
    _sqlalchemy("pymysql", "PyMySQL", "mysql", "mariadb+pymysql"),
    _sqlalchemy("aiomysql", "aiomysql", "mysql", "mariadb+aiomysql"),
    _sqlalchemy("asyncmy", "asyncmy", "mysql", "mariadb+asyncmy"),
    _sqlalchemy("mysqlclient", "mysqlclient", "mysql", "mariadb+mysqldb"),
    _sqlalchemy("mysql-connector", "mysql-connector-python", "mysql", "mariadb+mysqlconnector"),
    _sqlalchemy("mariadb", "mariadb", "mysql", "mariadb+mariadbconnector"),
    _django("mysqlclient", "mysqlclient", "mysql", "mysql"),
)
