"""What connection strings and URLs come to."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_otel.doctor.connecting import DIALLING, call, connect_timeout
from aurora_otel.doctor.target import Target, TargetError, of_dsn, of_host
from aurora_otel.drivers import NAMES

ENVIRON = {"PGHOST": "from-environment", "PGPORT": "6000", "MYSQL_PWD": "secret"}


@pytest.mark.parametrize(
    ("dsn", "host", "port", "system"),
    [
        ("host=db port=5433 user=app", "db", 5433, "postgresql"),
        ("host = 'db' password = 'it\\'s \\\\ a secret'", "db", 6000, "postgresql"),
        ("user=app", "from-environment", 6000, "postgresql"),
        ("host=/var/run/postgresql dbname=app", "/var/run/postgresql", 6000, "postgresql"),
        ("postgresql://app:p%40ss@db/app?sslmode=require", "db", 6000, "postgresql"),
        ("postgres://app@[::1]:5433/app", "::1", 5433, "postgresql"),
        ("postgresql+psycopg2://app@db:5433/app", "db", 5433, "postgresql"),
        ("postgresql://app@one:1,two:2/app", "one", 1, "postgresql"),
        ("mysql://app:p%40ss@db/app", "db", 3306, "mysql"),
        ("mysql+pymysql://app@db:3307/app", "db", 3307, "mysql"),
        ("mysql://", "localhost", 3306, "mysql"),
    ],
)
def test_host_port_and_system_are_read_as_the_drivers_do(dsn, host, port, system):
    target = of_dsn(dsn, ENVIRON)
    assert (target.host, target.port, target.system) == (host, port, system)


def test_passwords_are_unquoted_and_may_come_from_the_environment():
    assert of_dsn("mysql://app:p%40ss@db", ENVIRON).parameters["password"] == "p@ss"
    assert of_dsn("mysql://app@db", ENVIRON).parameters["password"] == "secret"
    assert of_dsn(r"password='it\'s'", ENVIRON).parameters["password"] == "it's"


def test_several_hosts_are_reported():
    assert of_dsn("host=one,two", {}).several
    assert of_dsn("postgresql://one,two/app", {}).several
    assert not of_dsn("host=one", {}).several


@pytest.mark.parametrize("read", [of_host, lambda dsn: of_dsn(dsn, {})], ids=["host", "dsn"])
@given(text=st.text())
def test_nothing_but_a_target_or_a_clear_error_comes_of_nonsense(read, text):
    with contextlib.suppress(TargetError):
        assert isinstance(read(text), Target)


def test_every_driver_that_is_known_can_be_dialled():
    assert set(DIALLING) == set(NAMES)


def test_a_driver_is_called_with_what_it_understands():
    target = of_dsn("mysql://app:p@db:3307/shop?ssl_ca=/ca.pem&connect_timeout=3", {})
    login = {"host": "db", "port": 3307, "user": "app", "password": "p", "database": "shop"}
    assert call(DIALLING["pymysql"], target) == (
        (),
        {**login, "ssl_ca": "/ca.pem", "connect_timeout": 3},
    )
    assert call(DIALLING["mysqlclient"], target) == (
        (),
        {**login, "ssl": {"ca": "/ca.pem"}, "connect_timeout": 3},
    )
    text = "host=db user=app"
    assert call(DIALLING["psycopg"], of_dsn(text, {})) == ((text,), {"connect_timeout": 5})
    limited = f"{text} connect_timeout=2"
    assert call(DIALLING["psycopg2"], of_dsn(limited, {})) == ((limited,), {})


def test_a_driver_that_is_not_libpqs_is_given_what_libpq_takes_from_the_environment():
    environ = {"PGUSER": "app", "PGPASSWORD": "secret", "PGDATABASE": "shop"}
    target = of_dsn("host=db sslmode=require", environ)
    _, keywords = call(DIALLING["pg8000"], target)
    context = keywords.pop("ssl_context")
    assert (context.check_hostname, context.verify_mode) == (False, ssl.CERT_NONE)
    login = {"user": "app", "password": "secret", "database": "shop"}
    assert keywords == {"host": "db", "port": 5432, "timeout": 5, **login}


@pytest.mark.parametrize(
    ("driver", "dsn", "environ", "seconds"),
    [
        ("psycopg", "host=db connect_timeout=3", {}, 3),
        ("psycopg", "host=db connect_timeout=0", {}, None),
        ("psycopg", "host=db", {"PGCONNECT_TIMEOUT": "4"}, 4),
        ("psycopg", "host=db", {}, None),
        ("pg8000", "host=db", {"PGCONNECT_TIMEOUT": "4"}, None),
        ("pymysql", "mysql://db", {}, 10),
        ("mysql-connector", "mysql://db?connection_timeout=2", {}, 2),
    ],
)
def test_the_time_limit_of_connecting_is_the_drivers_own(driver, dsn, environ, seconds):
    assert connect_timeout(driver, of_dsn(dsn, environ), environ)[1] == seconds
