"""Our own connections to PostgreSQL verify servers and show certificates like the application."""

from __future__ import annotations

from contextlib import ExitStack

import pg8000.dbapi
import psycopg
import psycopg2
import pytest

from aurora_otel.telemetry import names
from tests.support.sql import WRITE, attempt, run
from tests.support.tls import Encrypted, write_self_signed
from tests.support.waiting import eventually


def by_libpq(connect):
    def opened(place, server, client):
        host, port, cluster = place
        return connect(
            host=host,
            port=port,
            user=cluster.user,
            password=cluster.password,
            dbname=cluster.database,
            sslmode="verify-full",
            sslrootcert=server.file,
            sslcert=client,
            sslkey=client,
        )

    return opened


def by_pg8000(place, server, client):
    host, port, cluster = place
    server.trust.load_cert_chain(client)
    return pg8000.dbapi.connect(
        user=cluster.user,
        host=host,
        port=port,
        password=cluster.password,
        database=cluster.database,
        ssl_context=server.trust,
    )


CONNECT = {
    "psycopg": by_libpq(psycopg.connect),
    "psycopg2": by_libpq(psycopg2.connect),
    "pg8000": by_pg8000,
}


@pytest.mark.parametrize("connect", CONNECT.values(), ids=CONNECT)
def test_a_man_in_the_middle_is_refused_by_the_agent_and_the_application_is_not_harmed(
    start, cluster, tmp_path, connect
):
    client = tmp_path / "client.pem"
    write_self_signed(client)
    with ExitStack() as stack:
        places, proxies = [], {}
        for instance in cluster.instances:
            directory = tmp_path / instance
            directory.mkdir()
            # In front of the readers is another server, with a certificate of its own.
            clients = client if instance == cluster.writer else None
            proxy = Encrypted(cluster.address(instance), directory, clients=clients)
            proxies[instance] = stack.enter_context(proxy.running())
            places.append(f"{instance}=127.0.0.1:{proxy.address[1]}")
        server = proxies.pop(cluster.writer)
        agent = start(instance_endpoints=",".join(places))
        connection = connect((*server.address, cluster), server, client)
        assert agent.tracked(cluster.writer) == 1
        before = server.handshakes

        run(connection, "SET TRANSACTION READ ONLY")
        assert attempt(lambda: run(connection, WRITE)) is not None
        refresh = eventually(lambda: agent.exported.spans("refresh topology"))[-1]

        # It went on to the server that it can trust, with the application's certificate.
        assert refresh.attributes[names.TOPOLOGY_CONFIRMED]
        assert server.handshakes > before
        assert [proxy.handshakes for proxy in proxies.values()] == [0, 0]
        connection.rollback()
        assert run(connection, "SELECT 1")[0][0] == 1
        connection.close()
