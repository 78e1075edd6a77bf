"""A failover under TLS: what is shut down is a socket that TLS and an event loop stand around."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from aurora_otel.lab import Failover
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import Place
from tests.support.labs import as_new
from tests.support.sql import attempt, run, write
from tests.support.tls import Encrypted, EncryptedMySQL
from tests.support.waiting import eventually

DRIVERS = {each.id: each for each in ASYNC_DRIVERS}
WAYS = {
    "asyncpg": lambda server: {"ssl": server.trust},
    "psycopg": lambda server: {"sslmode": "verify-full", "sslrootcert": str(server.file)},
    "aiomysql": lambda server: {"ssl": server.trust},
    "asyncmy": lambda server: {"ssl": server.trust},
    # It takes certificates to trust only with some of the client's own.
    "mysql-connector-aio": lambda _: {"ssl_disabled": False},
}
SERVERS = {"postgresql": Encrypted, "mysql": EncryptedMySQL}


@pytest.fixture
def cluster(driver, request):
    return as_new(request.getfixturevalue(driver.engine.lab))


@pytest.fixture
def servers(cluster, tmp_path):
    """What speaks TLS in front of the writer endpoint and each instance, with one certificate."""
    with ExitStack() as stack:
        servers: dict[str, Encrypted] = {}
        for target in ("writer", *cluster.instances):
            make = SERVERS[cluster.engine]
            made = make(cluster.address(target), tmp_path, like=servers.get("writer"))
            servers[target] = stack.enter_context(made.running())
        yield servers


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_a_failover_under_tls_leaves_no_session_behind(start, cluster, servers, driver):
    places = {name: ":".join(map(str, server.address)) for name, server in servers.items()}
    agent = start(
        writer_endpoints=places["writer"],
        instance_endpoints=",".join(f"{each}={places[each]}" for each in cluster.instances),
    )
    server = servers["writer"]
    host, port = server.address
    place = Place(host, host, port, cluster.user, cluster.password, cluster.database)
    login = {**driver.arguments(place), **WAYS[driver.name](server)}

    used, *idle = [driver.open(login) for _ in range(4)]
    switch = cluster.failover(Failover.SWITCHOVER)
    refused = attempt(lambda: write(used))
    assert driver.code(refused) == driver.engine.codes["read_only"]
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
    for connection in idle:
        lost = attempt(lambda: run(connection, "SELECT 1"))  # noqa: B023 - called at once
        assert isinstance(lost, driver.errors)
    fresh = driver.open(login)
    write(fresh)
    assert driver.serving(fresh) == switch.new_writer
    # The agent, too, has asked by TLS.
    assert sum(server.handshakes for server in servers.values()) > len([used, *idle, fresh])
    assert agent.exported.metric("aurora.failovers") == 1
    for connection in (used, *idle, fresh):
        attempt(connection.close)
