"""Logins of the agent's own, as the servers count them: they are guests."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from aurora_otel.lab import Failover
from tests.support.labs import configure, let_readers_follow
from tests.support.sql import attempt, refused_write, run, serving
from tests.support.waiting import eventually

POOL = 5


@pytest.fixture
def connect():
    return psycopg.connect


def hold(connect, cluster, count=3):
    held = [connect(cluster.dsn("writer"), autocommit=True) for _ in range(count)]
    run(held[0], "INSERT INTO writes (x) VALUES ('before')")
    return held


def close(connections):
    for connection in connections:
        connection.close()


def test_a_failover_costs_few_logins(start, cluster, connect, logins):
    agent = start()
    held = hold(connect, cluster)
    logins.reset()
    switch = cluster.failover(Failover.SWITCHOVER)
    assert refused_write(held[0]) is not None
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    found = logins.of_our_own()
    assert found.pop(switch.new_writer) in (1, 2)
    assert all(count <= 1 for count in found.values()), found
    close(held)


def test_an_outage_of_ten_seconds_costs_ten_logins_at_most(start, cluster, connect, logins):
    start()
    held = hold(connect, cluster)
    logins.reset()
    cluster.set_read_only(cluster.writer, on=True)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        assert attempt(lambda: run(held[0], "INSERT INTO writes (x) VALUES ('in vain')"))
        time.sleep(0.2)
    assert 1 <= sum(logins.of_our_own().values()) <= 10
    close(held)


def test_a_password_that_was_rotated_is_tried_once(start, cluster, connect, logins):
    start()
    held = hold(connect, cluster)
    run(held[0], "SET default_transaction_read_only = on")
    rotate = f"ALTER ROLE {cluster.user} PASSWORD '{{}}'"
    cluster.execute(cluster.writer, rotate.format("another"))
    let_readers_follow(cluster)
    try:
        logins.reset()
        for _ in range(10):
            assert refused_write(held[0]) is not None
            time.sleep(0.2)
        assert sum(logins.count("password authentication failed").values()) == 1

        # Another connect that works is worth another attempt, and that works.
        connect(cluster.dsn("writer", password="another")).close()
        assert refused_write(held[0]) is not None
        eventually(lambda: sum(logins.of_our_own().values()) >= 1)
        assert sum(logins.count("password authentication failed").values()) == 1
    finally:
        cluster.execute(cluster.writer, rotate.format(cluster.password))
    close(held)


@pytest.fixture
def slow_logins(cluster):
    """Each server waits for a second before it checks a password."""
    yield lambda: configure(cluster, "ALTER SYSTEM SET pre_auth_delay = 1", "pre_auth_delay", "1s")
    configure(cluster, "ALTER SYSTEM RESET pre_auth_delay", "pre_auth_delay", "0")


# With the longer one, a second target waits for more than a second for what comes of the first.
@pytest.fixture(params=[(5.0, 1), (1.0, 2)])
def attempts(request, start):
    """The attempts that one login may cost with a refresh's time-out."""
    refresh_timeout, most = request.param
    start(refresh_timeout=refresh_timeout)
    return most


def test_a_rotated_password_is_tried_once_where_servers_are_slow_to_refuse_it(
    attempts, cluster, connect, logins, slow_logins
):
    held = hold(connect, cluster)
    run(held[0], "SET default_transaction_read_only = on")
    rotate = f"ALTER ROLE {cluster.user} PASSWORD '{{}}'"
    cluster.execute(cluster.writer, rotate.format("another"))
    let_readers_follow(cluster)
    slow_logins()
    try:
        logins.reset()
        for _ in range(5):
            assert refused_write(held[0]) is not None
            time.sleep(0.5)
        assert sum(logins.count("password authentication failed").values()) in (1, attempts)
    finally:
        cluster.execute(cluster.writer, rotate.format(cluster.password))
    close(held)


@pytest.mark.parametrize("statement", ["DROP DATABASE shop", "CREATE DATABASE x TEMPLATE shop"])
def test_no_connection_of_our_own_is_in_the_way_of_the_database(start, cluster, connect, statement):
    cluster.execute(cluster.writer, f"CREATE DATABASE shop OWNER {cluster.user}")
    try:
        start()
        connection = connect(cluster.dsn("writer", dbname="shop"), autocommit=True)
        run(connection, "SET default_transaction_read_only = on")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            run(connection, "CREATE TABLE t (x int)")
        connection.close()
        in_there = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'"
        eventually(lambda: cluster.execute(cluster.writer, in_there) == [(0,)])
        cluster.execute(cluster.writer, statement)
    finally:
        cluster.execute(cluster.writer, "DROP DATABASE IF EXISTS shop")
        cluster.execute(cluster.writer, "DROP DATABASE IF EXISTS x")


@pytest.mark.parametrize("kind", [Failover.SWITCHOVER, Failover.CRASH])
def test_a_role_with_as_many_connections_as_its_pool_has_is_refused_none(
    start, cluster, connect, logins, kind
):
    cluster.execute(cluster.writer, f"ALTER ROLE {cluster.user} CONNECTION LIMIT {POOL}")
    let_readers_follow(cluster)
    try:
        start()
        held = hold(connect, cluster, POOL)
        logins.reset()
        switch = cluster.failover(kind)
        refused_write(held[0])
        close(held)
        held = []
        while len(held) < POOL:
            error = attempt(lambda: held.append(connect(cluster.dsn("writer"), autocommit=True)))
            assert "too many connections" not in str(error)
        assert serving(held[-1]) == switch.new_writer
        assert logins.count("too many connections")[switch.new_writer] == 0
    finally:
        cluster.execute(cluster.writer, f"ALTER ROLE {cluster.user} CONNECTION LIMIT -1")
    close(held)


@pytest.mark.parametrize("kind", [Failover.SWITCHOVER, Failover.CRASH])
def test_nor_is_it_where_all_connect_again_at_once_while_the_writer_is_sought(
    start, cluster, connect, kind
):
    cluster.execute(cluster.writer, f"ALTER ROLE {cluster.user} CONNECTION LIMIT {POOL}")
    let_readers_follow(cluster)
    started, errors = threading.Barrier(POOL + 1), []

    def work():
        connection, until = connect(cluster.dsn("writer"), autocommit=True), None
        started.wait(30)
        while until is None or time.monotonic() < until:
            try:
                if connection.closed:
                    connection = connect(cluster.dsn("writer"), autocommit=True)
                run(connection, "INSERT INTO writes (x) VALUES ('again')")
            except psycopg.Error as error:
                # It goes on for as long as the agent keeps connections of its own.
                until = time.monotonic() + 3
                errors.append(str(error))
            time.sleep(0.01)
        connection.close()

    try:
        start()
        with ThreadPoolExecutor(POOL) as threads:
            for _ in range(POOL):
                threads.submit(work)
            started.wait(30)
            cluster.failover(kind)
        assert len(errors) >= POOL
        assert [error for error in errors if "too many connections" in error] == []
    finally:
        cluster.execute(cluster.writer, f"ALTER ROLE {cluster.user} CONNECTION LIMIT -1")
