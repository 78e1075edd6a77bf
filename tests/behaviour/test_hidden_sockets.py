"""The socket of mysql-connector's C connection is identified for certain, or not at all."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import mysql.connector
import pytest

from aurora_otel.drivers.common import hidden_sockets
from aurora_otel.drivers.marks import track_of
from aurora_otel.runtime import sockets
from tests.support.mysql import arguments, bare, writer_endpoint
from tests.support.sql import attempt
from tests.support.waiting import eventually


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


def connect(cluster, target="writer", *, use_pure=False, **others):
    given = {**arguments(cluster, target), "use_pure": use_pure, **others}
    return bare(mysql.connector.connect(**given))


def is_alive(connection):
    return attempt(lambda: connection.info_query("SELECT 1")) is None


def write(connection):
    connection.cmd_query("INSERT INTO writes (x) VALUES ('hidden')")
    connection.commit()


@contextlib.contextmanager
def at_work(connections):
    """Keep connections busy, each in its own thread."""
    over = threading.Event()

    def work(connection):
        while not over.is_set():
            connection.info_query("SELECT 1")

    with ThreadPoolExecutor(len(connections)) as threads:
        working = [threads.submit(work, connection) for connection in connections]
        try:
            yield
        finally:
            over.set()
    for each in working:
        each.result()


def test_of_many_that_connect_at_once_each_has_its_own_socket(start, cluster):
    strangers = [connect(cluster, use_pure=True), connect(cluster)]  # before the agent starts
    start(writer_endpoints=writer_endpoint(cluster), prune_interval=60)
    with at_work(strangers), ThreadPoolExecutor(12) as threads:
        made = list(threads.map(lambda n: connect(cluster, use_pure=n % 6 == 0), range(48)))
    identified = [each for each in made if track_of(each).socket is not None]
    assert identified
    for connection in identified:
        # Whichever sockets the others got, none of them was this one's.
        assert is_alive(connection)
        assert sockets.shut_down(track_of(connection).socket) is sockets.Shutdown.DONE
        assert not is_alive(connection)
    assert all(is_alive(each) for each in (*strangers, *made) if each not in identified)
    for connection in (*made, *strangers):
        connection.close()


def test_a_failover_closes_all_of_many_and_nothing_else(start, cluster):
    reader = connect(cluster, "reader")
    agent = start(writer_endpoints=writer_endpoint(cluster))
    with ThreadPoolExecutor(12) as threads:
        made = list(threads.map(lambda _: connect(cluster), range(24)))
        readers = list(threads.map(lambda _: connect(cluster, "reader"), range(12)))
    identified = [each for each in made if track_of(each).socket is not None]
    cluster.failover("switchover")
    assert attempt(lambda: write(made[0])).errno == 1290
    assert [is_alive(each) for each in made] == [each not in identified for each in made]
    assert all(map(is_alive, (reader, *readers)))
    closed = agent.exported.metric("aurora.connection.invalidations", invalidation_outcome="closed")
    assert closed == len(identified) > 0
    for connection in (*made, *readers, reader):
        connection.close()


class Forwarder:
    """An application's own tunnel: it sends on, within the process, what it receives."""

    def __init__(self, to: tuple[str, int]) -> None:
        self._to = to
        # The same port: only the address distinguishes its sockets from those that lead to it.
        self._listener = socket.create_server(("127.0.0.1", to[1]))
        self._open: list[socket.socket] = [self._listener]

    @contextlib.contextmanager
    def running(self):
        threading.Thread(target=self._accept, daemon=True).start()
        try:
            yield
        finally:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._to)
                self._open += [client, server]
                threading.Thread(target=self._send_on, args=(client, server), daemon=True).start()

    def _send_on(self, client, server):
        with contextlib.suppress(OSError), selectors.DefaultSelector() as ready, client, server:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select():
                    if not (data := key.fileobj.recv(65536)):
                        return
                    key.data.sendall(data)


def test_one_whose_socket_cannot_be_identified_is_not_closed_and_neither_is_another(start, cluster):
    host, port = cluster.address("writer")
    agent = start(writer_endpoints=f"{host}:{port},localhost:{port}")
    with Forwarder((host, port)).running():
        # By name, and through this very process: its sockets say the same as the tunnel's.
        hidden = connect(cluster, host="localhost")
        known = connect(cluster, host="127.0.0.1")
        assert track_of(hidden).socket is None
        assert track_of(known).socket is not None
        assert agent.tracked(cluster.writer) == 2

        cluster.failover("switchover")
        assert attempt(lambda: write(hidden)).errno == 1290
        assert (
            agent.exported.metric("aurora.connection.invalidations", invalidation_outcome="failed")
            == 1
        )
        assert is_alive(hidden)
        assert not is_alive(known)
        eventually(lambda: agent.tracked() == 1)
        for connection in (hidden, known):
            connection.close()


def test_an_answer_that_does_not_come_identifies_nothing():
    hidden = hidden_sockets.HiddenSockets()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address), socket.create_connection(address):
            asked = []

            def no_answer():
                asked.append(1)
                return False

            found = hidden.find(0.0, lambda peer: peer.port == address[1], no_answer)
    assert asked == [1]
    assert found is None


def test_a_socket_without_a_peer_may_be_the_one():
    hidden = hidden_sockets.HiddenSockets()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        hidden.note_existing()
        began = hidden_sockets.time.monotonic()
        with socket.socket(), socket.create_connection(address):
            # Which of the two it is does not show, so the other one is not taken for it.
            assert hidden.find(began, lambda peer: peer.port == address[1], lambda: True) is None


def test_what_was_there_before_is_not_the_one():
    hidden = hidden_sockets.HiddenSockets()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address):
            hidden.note_existing()
            began = hidden_sockets.time.monotonic()
            with socket.create_connection(address) as sock:
                found = hidden.find(began, lambda peer: peer.port == address[1], lambda: True)
                assert found == sockets.identify(sock.fileno())
