"""A server whose answer never ends holds no call up for longer than is allowed."""

from __future__ import annotations

import pytest

from aurora_otel.lab import mysql_wire
from aurora_otel.lab.filters import Action
from tests.support.sql import run

OURS = b"aurora"
# Rows that a server goes on sending for as long as they are read.
POSTGRESQL = b"SELECT generate_series(1, 1000000000000), repeat('x', 1000)"
MYSQL = b"SELECT REPEAT('x', 1000), seq FROM seq_1_to_1000000000"
# More than the agent reads of an answer.
FLOOD = 64 * 1024


class EndlessPostgreSQL:
    """Has the server answer our questions without end."""

    def __init__(self):
        self.asked = 0

    def from_client(self, data):
        if data[:1] == b"Q" and OURS in data:
            self.asked += 1
            data = b"Q" + (len(POSTGRESQL) + 5).to_bytes(4, "big") + POSTGRESQL + b"\0"
        elif data[:1] == b"P" and OURS in data:
            # By the extended protocol: an unnamed statement, without types, and what follows it.
            self.asked += 1
            parse = b"\0" + POSTGRESQL + b"\0\0\0"
            rest = data[1 + int.from_bytes(data[1:5], "big") :]
            data = b"P" + (len(parse) + 4).to_bytes(4, "big") + parse + rest
        return Action(forward=data)

    def from_server(self, data):
        return Action(forward=data)


class EndlessMySQL:
    """The same. The answer's beginning arrives at once.

    A driver waits for the next row with the interpreter's lock held: the gateway, in the
    same process, could not go on to pass one.
    """

    def __init__(self):
        self.asked = 0
        self._commands = mysql_wire.Commands()
        self._beginning = b""

    def from_client(self, data):
        passed = b""
        for piece in self._commands.feed(data):
            if OURS in (piece.statement or b""):
                self.asked += 1
                passed += (len(MYSQL) + 1).to_bytes(3, "little") + b"\0\x03" + MYSQL
            else:
                passed += piece.data
        return Action(forward=passed)

    def from_server(self, data):
        if self.asked and len(self._beginning) < FLOOD:
            self._beginning += data
            data = self._beginning if len(self._beginning) >= FLOOD else b""
        return Action(forward=data)


FILTERS = {"postgresql": EndlessPostgreSQL, "mysql": EndlessMySQL}


@pytest.fixture
def filters(cluster, driver):
    """Those of the links that were opened meanwhile."""
    made = []

    def make():
        made.append(FILTERS[driver.engine.name]())
        return made[-1]

    cluster.gateway.filter("writer", make)
    yield made
    cluster.gateway.restore()


@pytest.mark.timeout(60)
def test_an_endless_answer_costs_its_connection_and_the_application_gets_another(
    start, driver, cluster, connect, filters
):
    agent = start(**driver.settings(cluster), identify_timeout=0.3)
    connection = connect("writer", "address")
    assert sum(each.asked for each in filters) == 1
    assert len(filters) == 2
    assert run(connection, "SELECT 1")[0][0] == 1
    assert agent.tracked() == agent.tracked("unknown") == 1
    connection.close()
