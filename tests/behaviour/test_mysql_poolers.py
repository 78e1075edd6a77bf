"""Behind a pooler of MySQL's, such as ProxySQL: its sessions are not the server's."""

from __future__ import annotations

import MySQLdb
import pymysql
import pytest

import aurora_otel
from aurora_otel.lab import Action
from tests.support.mysql import arguments, executed, writer_endpoint
from tests.support.sql import write

MODULES = {"pymysql": pymysql, "mysqlclient": MySQLdb}


class OwnNumbers:
    """Gives each session a number of its own, as a pooler does, in the server's greeting."""

    greeted = 0

    def __init__(self):
        self._is_greeting = True

    def from_client(self, data: bytes) -> Action:
        return Action(forward=data)

    def from_server(self, data: bytes) -> Action:
        if self._is_greeting:
            self._is_greeting = False
            OwnNumbers.greeted += 1
            # Header, protocol version, the server's version and a zero come before it.
            at = data.index(0, 5) + 1
            number = (900_000 + OwnNumbers.greeted).to_bytes(4, "little")
            data = data[:at] + number + data[at + 4 :]
        return Action(forward=data)


@pytest.fixture(params=MODULES)
def driver(request):
    return request.param


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


def test_behind_a_pooler_nothing_is_attributed_and_nothing_is_closed(start, cluster, driver):
    cluster.gateway.filter("writer", OwnNumbers)
    agent = start(writer_endpoints=writer_endpoint(cluster))
    held = [MODULES[driver].connect(**arguments(cluster)) for _ in range(2)]
    assert held[0].thread_id() > 900_000
    assert agent.tracked("unknown") == agent.tracked() == 2
    old = cluster.writer
    cluster.failover("switchover")
    for connection in held:
        with pytest.raises(MODULES[driver].OperationalError, match="read-only"):
            write(connection)
        # The pooler may assign it to another server at any moment.
        connection.rollback()
        assert executed(connection, "SELECT @@aurora_server_id")[-1] == ((old,),)
    assert agent.tracked("unknown") == 2
    assert agent.exported.metric("aurora.connection.invalidations") == 0
    assert aurora_otel.snapshot().clusters[0].writer is None
    for connection in held:
        connection.close()
