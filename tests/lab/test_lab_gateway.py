import contextlib
import os
import socket
import threading

import mysql.connector
import MySQLdb
import pymysql
import pytest

from aurora_otel.lab import Action, Failover, resolving
from tests.lab.sessions import SESSIONS, instance, is_silent
from tests.support.waiting import eventually


def _silent(connection, seconds=0.3, query="SELECT 1"):
    """Send a query; return whether no answer came; the connection is of no use afterwards."""
    connection.send(query)
    return is_silent(connection, seconds)


def test_a_client_that_shuts_down_ends_its_session_at_once(cluster, connect):
    connection = connect("writer")
    assert cluster.sessions(cluster.writer) == 1
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
    eventually(lambda: cluster.sessions(cluster.writer) == 0)
    eventually(lambda: cluster.gateway.links("writer") == 0)


def test_a_client_that_sends_nothing_more_still_has_its_answer(cluster, connect):
    connection = connect("writer")
    connection.send(connection.slow)
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_WR)
    assert connection.answer() == "late"
    eventually(lambda: cluster.gateway.links("writer") == 0)


def test_a_server_that_ends_a_session_ends_its_link(cluster, connect, failure):
    connection = connect("writer")
    cluster.execute(cluster.writer, connection.kill, connection.given_number)
    eventually(lambda: cluster.gateway.links(cluster.writer) == 0)
    error = failure(lambda: connection.run("SELECT 1"))
    # PostgreSQL's farewell came through; MariaDB has none.
    assert connection.farewell(error) == (cluster.engine == "postgresql")


def test_the_number_of_a_session_passes_unchanged(cluster, connect):
    for place in ("writer", cluster.readers[0]):
        connection = connect(place)
        assert connection.run(connection.number) == [(connection.given_number,)]


def test_a_cut_endpoint_resets_its_links_and_refuses_new_ones(cluster, connect, failure):
    cut, other = connect("writer"), connect("reader")
    cluster.gateway.cut("writer")
    failure(lambda: cut.run("SELECT 1"))
    failure(lambda: connect("writer"))
    eventually(lambda: cluster.sessions(cluster.writer) == 0)
    other.run("SELECT 1")
    cluster.gateway.restore()
    connect("writer").run("SELECT 1")


def test_a_cut_instance_takes_only_the_links_that_landed_on_it(cluster, connect, failure):
    first, second = connect("reader"), connect("reader")
    cluster.gateway.cut(instance(first))
    failure(lambda: first.run("SELECT 1"))
    second.run("SELECT 1")


def test_what_comes_by_an_instances_own_address_obeys_no_rule(cluster, connect):
    direct = connect(cluster.writer)
    assert cluster.gateway.links(cluster.writer) == 0
    cluster.gateway.cut(cluster.writer)
    assert direct.run("SELECT 1") == connect(cluster.writer).run("SELECT 1") == [(1,)]


def test_a_hung_endpoint_passes_nothing_and_goes_on_afterwards(cluster, connect, failure):
    held, leaving = connect("writer"), connect("writer")
    cluster.gateway.hang("writer")
    assert _silent(held)
    assert "time" in str(failure(lambda: connect("writer", connect_timeout=2)))
    leaving.close()
    assert (
        cluster.sessions(cluster.writer) == 2
    )  # the server does not receive the end of the session either
    cluster.gateway.restore()
    assert held.answer() == "1"
    eventually(lambda: cluster.sessions(cluster.writer) == 1)


def test_a_slow_endpoint_still_passes_everything(cluster, connect):
    connection = connect("writer")
    cluster.gateway.slow("writer", 0.2)
    assert _silent(connection, seconds=0.1)
    assert connection.answer() == "1"


def test_a_server_falls_silent_after_login(cluster, connect, failure):
    before = connect("writer")
    cluster.gateway.silence_after_login("writer")
    connection = connect("writer", connect_timeout=5)
    assert connection.given_number
    assert _silent(connection)
    before.run("SELECT 1")
    cluster.gateway.restore()
    connect("writer").run("SELECT 1")
    failure(lambda: connection.run("SELECT 1"))


@pytest.mark.parametrize("engine", ["postgresql"])
def test_silence_comes_after_a_login_that_asked_for_encryption(cluster, connect):
    cluster.gateway.silence_after_login("writer")
    connection = connect("writer", sslmode="prefer")
    assert _silent(connection)


class Impostor:
    """Answers one question itself, drops another, and hangs at a third."""

    def from_client(self, data):
        if b"who are you" in data:
            row = b"D\0\0\0\x0e\0\x01\0\0\0\x04fake"
            head = b"T\0\0\0\x1a\0\x01a\0" + bytes(6) + b"\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0"
            head = head[:1] + (len(head) - 1).to_bytes(4, "big") + head[5:]
            return Action(reply=head + row + b"C\0\0\0\x0dSELECT 1\0" + b"Z\0\0\0\x05I")
        if b"swallow" in data:
            return Action()
        return Action(forward=data, hang=b"hang" in data)

    def from_server(self, data):
        return Action(forward=data)


@pytest.mark.parametrize("engine", ["postgresql"])
def test_a_filter_answers_drops_passes_and_hangs(cluster, connect):
    cluster.gateway.filter("writer", Impostor)
    connection = connect("writer")
    assert connection.run("SELECT 1") == [(1,)]
    connection.send("who are you")
    assert connection.answer() == "fake"
    assert connection.run("SELECT 'passed'") == [("passed",)]
    assert _silent(connection, query="swallow")


def test_a_filter_hangs_a_link(cluster, connect):
    cluster.gateway.filter("writer", Impostor)
    connection = connect("writer")
    assert _silent(connection, query="SELECT 'hang'")


@pytest.mark.parametrize("engine", ["mysql"])
def test_a_filter_sees_what_the_client_sent(cluster, connect):
    """Not what the gateway makes of it for a server that is no Aurora."""

    class Listener(Impostor):
        def from_client(self, data):
            heard.append(data)
            return Action(forward=data)

    heard = []
    cluster.gateway.filter("writer", Listener)
    assert connect("writer").run("SELECT @@aurora_server_id") == [(cluster.writer,)]
    assert b"@@aurora_server_id" in b"".join(heard)


@pytest.mark.parametrize("engine", ["mysql"])
def test_aurora_sql_can_be_prepared(cluster):
    with resolving(cluster.hosts):
        login = cluster.parameters("lab-2")
        connection = mysql.connector.connect(**login, use_pure=True)
    with connection.cursor(prepared=True) as cursor:
        cursor.execute(
            "SELECT @@aurora_server_id, COUNT(*) FROM information_schema.replica_host_status"
            " WHERE SERVER_ID <> %s",
            ["lab-1"],
        )
        assert cursor.fetchall() == [("lab-2", 2)]
    connection.close()


@pytest.mark.parametrize("engine", ["mysql"])
def test_who_would_compress_is_understood(cluster):
    login = cluster.parameters("lab-2", host=cluster.address("lab-2")[0])
    with contextlib.closing(MySQLdb.connect(**login, compress=True)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT @@aurora_server_id, REPEAT('x', 10000)")
        assert cursor.fetchall() == (("lab-2", "x" * 10000),)


@pytest.mark.parametrize("engine", ["mysql"])
def test_past_the_gateway_there_is_a_plain_server(cluster, connect):
    address, port = cluster.plain_address("lab-2")
    connection = connect("lab-2", host=address, port=port)
    for refused in (connection.identity, connection.version, connection.status):
        with pytest.raises(pymysql.Error, match=r"(?i)unknown"):
            connection.run(refused)
    names = "SHOW VARIABLES WHERE Variable_name IN ('aurora_server_id', 'pseudo_thread_id')"
    assert [name for name, _ in connection.run(names)] == ["pseudo_thread_id"]


@pytest.mark.parametrize("engine", ["mysql"])
def test_a_server_that_is_down_ends_what_comes_to_its_instance(cluster, connect, failure):
    old = cluster.writer
    cluster.failover(Failover.CRASH)
    assert not SESSIONS["mysql"].farewell(failure(lambda: connect(old)))


@pytest.mark.parametrize("engine", ["postgresql"])
def test_fifty_megabytes_pass_both_ways(cluster, connect):
    size, line = 50 * 1024 * 1024, b"x" * 1023 + b"\n"
    connection = connect("writer")
    connection.run("CREATE TEMP TABLE big (line text)")
    with connection.connection.cursor().copy("COPY big FROM STDIN") as copy:
        for _ in range(size // (64 * len(line))):
            copy.write(line * 64)
    received = 0
    with connection.connection.cursor().copy("COPY big TO STDOUT") as copy:
        for chunk in copy:
            received += len(chunk)
    assert received == size


@pytest.mark.parametrize("engine", ["mysql"])
def test_long_statements_and_long_answers_pass(cluster, connect):
    connection = connect("writer")
    for size in (2**16, 2**20, 15 * 2**20):
        statement = f"SELECT LENGTH('{'x' * size}'), REPEAT('y', {size}), @@aurora_server_id"
        ((sent, received, name),) = connection.run(statement)
        assert (sent, len(received), name) == (size, size, cluster.writer)


def test_a_blocked_thread_of_the_process_holds_nothing_up(cluster, connect):
    release = threading.Event()
    blocked = threading.Thread(target=release.wait)
    blocked.start()
    try:
        connect("writer").run("SELECT 1")
    finally:
        release.set()
        blocked.join()


def test_an_unknown_place_is_a_clear_error(cluster):
    with pytest.raises(ValueError, match="place must be one of writer, reader, custom, lab-1"):
        cluster.gateway.cut("nowhere")
    with pytest.raises(ValueError, match="seconds must not be negative; got -1"):
        cluster.gateway.slow("writer", -1)
