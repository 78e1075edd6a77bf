"""Two servers accept writes, at any moment: no connection to the rightful writer is closed."""

from __future__ import annotations

import random
import time

import psycopg
import psycopg2
import pymysql
import pytest

from aurora_otel.drivers.marks import track_of
from aurora_otel.lab import Failover
from tests.kinds.conftest import serving
from tests.support.doubts import Doubts, cast_doubt, until
from tests.support.labs import as_new
from tests.support.sql import attempt, write
from tests.support.waiting import eventually

INVALIDATIONS = "aurora.connection.invalidations"
SECONDS = 2.0
SEEDS = (1, 2)
DRIVERS = {"psycopg": psycopg, "psycopg2": psycopg2, "pymysql": pymysql}
READ_ONLY = "SET GLOBAL read_only = 1"


@pytest.fixture(params=SEEDS)
def chance(request):
    return random.Random(request.param)


@pytest.fixture
def driver(request):
    return request.param


@pytest.fixture
def cluster(driver, request):
    return as_new(request.getfixturevalue("plain_mysql" if driver == "pymysql" else "plain"))


@pytest.fixture
def straight(cluster, driver):
    """Opens a connection to an instance by its own address."""

    def straight(instance):
        host = cluster.address(instance)[0]
        if driver == "pymysql":
            return pymysql.connect(**cluster.parameters(instance, host=host))
        return DRIVERS[driver].connect(cluster.dsn(instance, host=host))

    return straight


@pytest.fixture
def agent(start, chance):
    """An agent that knows where the members are, or has to find them."""
    return start(stuck_after=0.5, **chance.choice(({}, {"members": ""})))


def on(drivers):
    return pytest.mark.parametrize("driver", drivers, indirect=True)


POSTGRESQL, MYSQL = on(("psycopg", "psycopg2")), on(("pymysql",))
EITHER = on(tuple(DRIVERS))


def named(cluster, instance):
    """Return what the agent calls an instance."""
    host, port = cluster.plain_address(instance)
    return f"{instance}:{port}" if cluster.engine == "mysql" else f"{host}:{port}"


class Held:
    """Connections to one instance, none of which may be closed.

    Args:
        cluster: of the instance.
        instance: where they lead.
        connections: those.
    """

    def __init__(self, cluster, instance, connections):
        self._cluster = cluster
        self._instance = instance
        self._connections = connections
        # It is another one once a driver has opened the connection again.
        self._sockets = [track_of(each).socket for each in connections]

    def check(self):
        """Write on each, on the instance to which it always led."""
        for connection, sock in zip(self._connections, self._sockets, strict=True):
            write(connection)
            assert serving(self._cluster, connection) == self._instance
            assert track_of(connection).socket == sock

    def doubt(self, cluster):
        """Have the agent refresh."""
        cast_doubt(self._connections[0], cluster.engine)


def close(connections):
    for connection in connections:
        attempt(connection.close)


def thaw(cluster, instance):
    cluster.thaw(instance)
    eventually(lambda: attempt(lambda: cluster.execute(instance, "SELECT 1")) is None)


@EITHER
@pytest.mark.parametrize("way", ["promoted beside it", "thawed"])
def test_at_no_moment_is_a_connection_to_the_rightful_writer_closed(
    agent, cluster, straight, chance, way
):
    old, new = cluster.writer, cluster.readers[chance.randrange(2)]
    opened = [straight(old) for _ in range(2)]
    time.sleep(chance.uniform(0.0, 0.5))
    if way == "thawed":
        cluster.failover(Failover.HANG, target=new)
    else:
        cluster.promote(new, publish=chance.random() < 0.5)
    rightful = [straight(new) for _ in range(3)]
    opened += rightful
    held = Held(cluster, new, rightful)
    time.sleep(chance.uniform(0.0, 1.0))
    if way == "thawed":
        thaw(cluster, old)

    def to_either():
        opened.append(straight(chance.choice([old, new])))
        return opened[-1]

    with Doubts(to_either, cluster.engine, chance):
        until(SECONDS, chance, held.check)
        if cluster.engine == "mysql":
            # Only this says which of the two is the writer.
            cluster.execute(old, READ_ONLY)
            until(SECONDS / 2, chance, held.check)
    # It was no idleness: the refreshes found the writer, and what led to the other one is closed.
    held.doubt(cluster)
    # MySQL sessions on the other one may be in a cluster of their own, without a doubt since then.
    for connection in opened[:2]:
        attempt(lambda connection=connection: cast_doubt(connection, cluster.engine))
    eventually(lambda: track_of(rightful[0]).cluster.current.detector.writer == named(cluster, new))
    eventually(lambda: agent.tracked(named(cluster, old)) == 0)
    held.check()
    close(opened)


@MYSQL
def test_while_two_are_writable_neither_has_a_connection_closed(agent, cluster, straight, chance):
    old, new = cluster.writer, cluster.readers[chance.randrange(2)]
    to_old = [straight(old) for _ in range(2)]
    time.sleep(chance.uniform(0.0, 0.5))
    cluster.promote(new, publish=chance.random() < 0.5)
    to_new = [straight(new) for _ in range(2)]
    _nothing_is_closed(agent, cluster, straight, chance, {old: to_old, new: to_new})


@POSTGRESQL
def test_of_two_that_were_promoted_apart_neither_has_a_connection_closed(
    agent, cluster, straight, chance
):
    before = straight(cluster.writer)
    both = list(cluster.readers)
    chance.shuffle(both)
    to = {}
    for each in both:
        time.sleep(chance.uniform(0.0, 0.5))
        # Either leaves the old one's timeline for one of the same number.
        cluster.promote(each, publish=chance.random() < 0.5)
    for each in both:
        to[each] = [straight(each) for _ in range(2)]
    _nothing_is_closed(agent, cluster, straight, chance, to)
    close([before])


def _nothing_is_closed(agent, cluster, straight, chance, to):
    held = [Held(cluster, instance, connections) for instance, connections in to.items()]
    opened = [each for connections in to.values() for each in connections]

    def to_either():
        opened.append(straight(chance.choice(list(to))))
        return opened[-1]

    readings = len(agent.exported.spans("refresh topology"))
    with Doubts(to_either, cluster.engine, chance):
        until(SECONDS, chance, lambda: [each.check() for each in held])
    eventually(lambda: len(agent.exported.spans("refresh topology")) > readings)
    assert agent.exported.metric(INVALIDATIONS) == 0
    close(opened)
