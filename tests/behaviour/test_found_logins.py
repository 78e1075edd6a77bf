"""What libpq found by itself, in a password file or a service file, is part of the login."""

from __future__ import annotations

import psycopg
import psycopg2
import pytest

from aurora_otel.lab import Failover
from aurora_otel.lab.conninfo import conninfo
from aurora_otel.model.endpoints import Address
from tests.support.sql import refused_write
from tests.support.waiting import eventually


@pytest.fixture(params=[psycopg, psycopg2], ids=["psycopg", "psycopg2"])
def driver(request):
    return request.param


@pytest.fixture
def place(cluster):
    address, port = cluster.address("writer")
    host = cluster.host("writer")
    return {"host": host, "hostaddr": address, "port": port, "sslmode": "disable"}


@pytest.fixture(params=["passfile=", "PGPASSFILE", "service=", "PGSERVICE"])
def found(request, cluster, place, tmp_path, monkeypatch):
    """A connection string without what libpq finds in a file for the writer endpoint's name."""
    login = {"user": cluster.user, "dbname": cluster.database}
    file = tmp_path / "file"
    if "pass" in request.param.lower():
        host, port = place["host"], place["port"]
        file.write_text(f"{host}:{port}:{cluster.database}:{cluster.user}:{cluster.password}\n")
        file.chmod(0o600)
        if request.param == "PGPASSFILE":
            monkeypatch.setenv("PGPASSFILE", str(file))
            return conninfo(place | login)
        return conninfo(place | login | {"passfile": str(file)})
    entries = place | login | {"password": cluster.password}
    file.write_text("\n".join(["[shop]", *(f"{k}={v}" for k, v in entries.items())]))
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    if request.param == "PGSERVICE":
        monkeypatch.setenv("PGSERVICE", "shop")
        return ""
    return "service=shop"


def test_our_own_connection_logs_in_at_an_instance_with_what_was_found(
    start, cluster, driver, found
):
    agent = start()
    connection = driver.connect(found)
    (monitor,) = (each.monitor for each in agent.internals.clusters)
    access = monitor.access
    assert access.driver.password(access.login) == cluster.password
    assert cluster.password not in repr(access)
    for instance in cluster.instances:
        own = access.driver.monitor(access.login, Address(*cluster.address(instance)), 5)
        assert own.ask("SELECT current_user, current_database()", 5)[0][0] == cluster.user
        own.close()
    connection.close()


@pytest.mark.parametrize("found", ["PGPASSFILE"], indirect=True)
def test_a_failover_is_cleaned_up_with_a_password_from_a_file(start, cluster, driver, found):
    agent = start()
    held = [driver.connect(found) for _ in range(3)]
    switch = cluster.failover(Failover.SWITCHOVER)
    assert refused_write(held[0]) is not None
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    for connection in held:
        connection.close()
