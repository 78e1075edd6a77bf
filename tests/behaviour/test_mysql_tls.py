"""Our own connections to MySQL use the application's TLS settings and login."""

from __future__ import annotations

import contextlib
import importlib
import re
import shutil
import ssl
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path

import asyncmy
import mariadb
import mysql.connector
import MySQLdb
import pymysql
import pytest

from aurora_otel.drivers import REGISTRY
from aurora_otel.drivers.connects import LoginFailure
from aurora_otel.lab import Cluster, mariadb_settings
from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import Whereabouts
from aurora_otel.runtime import sockets
from aurora_otel.tracking.track import Track
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import Place
from tests.support.drivers.engines import MYSQL
from tests.support.mysql import arguments
from tests.support.sql import Call, run
from tests.support.straight import Straight
from tests.support.tls import self_signed
from tests.support.waiting import eventually

# What the server's certificate is for, besides its address.
NAMED = "orders.example.com"
CIPHER = "SHOW STATUS LIKE 'Ssl_cipher'"
CONNECTS = {
    "pymysql": pymysql.connect,
    "mysqlclient": MySQLdb.connect,
    "mysql-connector": mysql.connector.connect,
    "mariadb": mariadb.connect,
}
ERRORS = (
    OSError,
    pymysql.Error,
    MySQLdb.Error,
    mysql.connector.Error,
    mariadb.Error,
    asyncmy.errors.Error,
)
ON_LOOPS = {each.id: each for each in ASYNC_DRIVERS if each.engine is MYSQL}
# CPython 3.10's asyncio does not report that a handshake failed which began on an open connection:
# mysql.connector.aio's connect then waits for ever, also without us.
IS_REPORTED = sys.version_info >= (3, 11)
# How an application asks for TLS, and for the server's certificate to be checked.
WAYS = {
    "pymysql": {"ssl_verify_cert": True, "ssl_verify_identity": True},
    "mysqlclient": {"ssl_mode": "VERIFY_IDENTITY"},
    "mysql-connector": {"ssl_verify_cert": True, "ssl_verify_identity": True},
    "mariadb": {"ssl_verify_cert": True},
}


def connects(name, cluster, ca, host, port):
    """Return what connects with a driver, and what it is called with."""
    if name not in ON_LOOPS:
        ways = {"ssl": {"ca": ca}} if name == "mysqlclient" else {"ssl_ca": ca}
        login = {**arguments(cluster), "host": host, "port": port}
        return lambda: CONNECTS[name](**login, **ways, **WAYS[name])
    driver = ON_LOOPS[name]
    place = Place(host, host, port, cluster.user, cluster.password, cluster.database)
    ways: dict = {"ssl": ssl.create_default_context(cafile=ca)}
    if driver.name == "mysql-connector-aio":
        # It trusts what the system does, and cannot check for which host the certificate is.
        ways = {"ssl_disabled": False, "ssl_verify_cert": True}
    return lambda: driver.open({**driver.arguments(place), **ways})


def is_of_tls(error):
    """Return whether an error, or its cause, names TLS."""
    return re.search("(?i)certificate|ssl|tls", f"{error} {error.__cause__}") is not None


@contextlib.contextmanager
def running(name):
    """Yield a cluster of one instance, whose server has a certificate, and that certificate."""
    # The server runs as another user, which pytest's own directories keep out.
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        certificate_file, key_file = directory / "certificate", directory / "key"
        texts = self_signed([NAMED, *(f"127.0.0.{number}" for number in range(1, 255))])
        for file, text in zip((certificate_file, key_file), texts, strict=True):
            file.write_text(text)
        patch.delitem(mariadb_settings._ALWAYS, "skip-ssl", raising=False)
        patch.setitem(mariadb_settings._ALWAYS, "ssl-cert", str(certificate_file))
        patch.setitem(mariadb_settings._ALWAYS, "ssl-key", str(key_file))
        with Cluster(name, engine="mysql", instances=[f"{name}-1"]) as cluster:
            require = f"ALTER USER {cluster.user} REQUIRE SSL"
            cluster.execute(cluster.writer, require)
            yield cluster, certificate_file
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def encrypted():
    with running("tls") as found, pytest.MonkeyPatch.context() as patch:
        # What the system trusts, for the driver that is given no certificates.
        patch.setenv("SSL_CERT_FILE", str(found[1]))
        yield found


@pytest.fixture(scope="module")
def another_server():
    """The address of a server with another certificate, which would accept the agent's login."""
    with running("other") as (cluster, _):
        yield Address(*cluster.plain_address(cluster.writer))


@pytest.fixture
def cluster(encrypted):
    return encrypted[0]


@pytest.fixture(params=[*CONNECTS, *ON_LOOPS])
def opened(request, start, encrypted):
    """A connection of the application's, and how it was opened."""
    cluster, certificate_file = encrypted
    host, port = cluster.plain_address(cluster.writer)
    agent = start(instance_endpoints="")
    connection = connects(request.param, cluster, str(certificate_file), host, port)()
    (monitor,) = (each.monitor for each in agent.internals.clusters)
    yield connection, monitor.access
    connection.close()


def test_our_own_connection_is_encrypted_like_the_applications(opened):
    connection, access = opened
    assert run(connection, CIPHER)[0][1]
    for address in (None, access.endpoint.address):
        monitor = access.driver.monitor(access.login, address, 5.0)
        ((_, cipher),) = monitor.ask(CIPHER, 5.0)
        assert cipher
        assert [list(row) for row in monitor.ask("SELECT @@autocommit, DATABASE()", 5.0)] == [
            ["1", None]
        ]
        monitor.close()


def test_our_own_connection_can_be_given_up_and_aborted(opened):
    _, access = opened
    monitor = access.driver.monitor(access.login, None, 5.0)
    with pytest.raises(TimeoutError):
        monitor.ask("SELECT SLEEP(30)", 0.1)
    monitor.close()

    monitor = access.driver.monitor(access.login, None, 5.0)
    asked = threading.Event()
    failed = []

    def ask():
        asked.set()
        try:
            monitor.ask("SELECT SLEEP(30)", 60.0)
        except Exception as error:  # noqa: BLE001 - compared below
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    asked.wait()
    eventually(lambda: (monitor.abort(), failed)[1])
    thread.join()
    assert not isinstance(failed[0], TimeoutError)
    monitor.close()


def test_a_login_that_is_not_valid_is_distinguished_from_other_errors(opened):
    _, access = opened
    driver = access.driver
    with pytest.raises(Exception, match="Access denied") as refused:
        driver.monitor(driver.with_password(access.login, "another"), None, 5.0)
    assert driver.login_failure(refused.value) is LoginFailure.REFUSED
    with pytest.raises(Exception, match=r"(?i)connect") as unreachable:
        driver.monitor(access.login, access.endpoint.address._replace(port=1), 5.0)
    assert driver.login_failure(unreachable.value) is None
    assert "secret" not in repr(access.login)


def test_a_server_with_another_certificate_is_refused_by_the_agent(opened, another_server):
    connection, access = opened
    is_reported = IS_REPORTED or access.driver.name != "mysql-connector-aio"
    errors, check = (ERRORS, is_of_tls) if is_reported else (TimeoutError, None)
    with pytest.raises(errors, check=check) as refused:
        access.driver.monitor(access.login, another_server, 5.0)
    assert access.driver.login_failure(refused.value) is not LoginFailure.REFUSED
    assert run(connection, "SELECT 1")[0][0] == 1


@pytest.mark.parametrize("opened", ON_LOOPS, indirect=True)
def test_an_encrypted_connection_that_is_shut_down_ends_its_call_at_once(opened):
    connection, _ = opened
    call = Call(lambda: run(connection, "SELECT SLEEP(30)"))
    (track,) = (track for track in weakref.getweakrefs(connection.plain) if type(track) is Track)
    eventually(lambda: track.in_flight_since)
    began = time.monotonic()
    sockets.shut_down(track.socket)
    assert isinstance(call.outcome(), Exception)
    assert time.monotonic() - began < 15
    assert track.lost


@pytest.fixture(params=[*CONNECTS, *ON_LOOPS])
def straight(request, encrypted):
    """Connects straight to a server, while another host is given; yields what that is shown as."""
    cluster, certificate_file = encrypted
    name = ON_LOOPS[request.param].name if request.param in ON_LOOPS else request.param
    known = next(each for each in REGISTRY if each.name == name)
    driver, module = known.load(), importlib.import_module(known.module)
    _, port = cluster.address("writer")

    @contextlib.contextmanager
    def straight(host, to):
        connect = connects(request.param, cluster, str(certificate_file), host, port)
        hooks = Straight(Whereabouts("writer", to, to))
        undo = driver.install(module, hooks, None)
        try:
            connection = connect()
            yield connection, hooks.shown
            connection.close()
        finally:
            undo()

    return straight


def test_a_straight_connect_is_encrypted_and_keeps_the_host_that_was_given(straight, encrypted):
    (cluster, _), to = encrypted, Address(*encrypted[0].plain_address(encrypted[0].writer))
    with straight(NAMED, to) as (connection, shown):
        assert run(connection, CIPHER)[0][1]
        assert shown == Address(NAMED, cluster.address("writer")[1])
        plain = getattr(connection, "plain", connection)
        for name in ("host", "server_host", "server_name"):
            assert getattr(plain, name, NAMED) == NAMED
        if hasattr(plain, "get_host_info"):
            assert NAMED in plain.get_host_info()


def test_a_straight_connect_to_a_server_with_another_certificate_is_refused(
    straight, another_server, request
):
    if (
        not IS_REPORTED
        and request.node.callspec.params["straight"] == "mysql-connector-aio-asyncio"
    ):
        pytest.skip("the driver waits for ever, also without us")
    with (
        pytest.raises(ERRORS, check=is_of_tls),
        straight(NAMED, another_server),
    ):
        pass


@pytest.mark.parametrize(
    "straight",
    ["pymysql", *(name for name in ON_LOOPS if "connector" not in name)],
    indirect=True,
)
def test_a_straight_connect_checks_the_certificate_for_the_host_that_was_given(straight, encrypted):
    to = Address(*encrypted[0].plain_address(encrypted[0].writer))
    with (
        pytest.raises(ERRORS, check=is_of_tls),
        straight("another.example.com", to),
    ):
        pass
