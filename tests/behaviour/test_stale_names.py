"""The writer endpoint's name leads to the old writer, or nowhere, long after a failover.

What every driver has in common is in `tests/drivers/test_stale_names.py`.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pg8000.dbapi
import psycopg
import pytest
from psycopg_pool import ConnectionPool

from aurora_otel.lab import Cluster, Failover, resolving
from tests.support.sql import Call, attempt, serving, write
from tests.support.tls import Encrypted
from tests.support.waiting import eventually

STRAIGHT = "aurora.connection.straight"
MISROUTES = "aurora.connection.misroutes"
PRIVATE = "db.example.com"
FROZEN = 600.0
THREADS = 4
DRIVERS = {"psycopg": ("dbname", psycopg.connect), "pg8000": ("database", pg8000.dbapi.connect)}


class Names(dict[str, str]):
    """A cluster's names, and before them those that a test adds."""

    def __init__(self, records: Mapping[str, str]) -> None:
        super().__init__()
        self._records = records

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else self._records.get(name, default)


@pytest.fixture
def names(cluster: Cluster) -> Iterator[Names]:
    """The cluster's names, which lead to the instances themselves; a test may change them."""
    found = Names(cluster.records({PRIVATE: "writer"}))
    with resolving(found):
        yield found


@pytest.fixture(params=DRIVERS)
def by_name(request, cluster, names):
    """Connects by name alone, to wherever that leads at the moment."""
    return functools.partial(_connect, cluster, *DRIVERS[request.param])


@pytest.fixture
def by_psycopg(cluster, names):
    return functools.partial(_connect, cluster, *DRIVERS["psycopg"])


def _connect(
    cluster: Cluster, database: str, connect: Callable[..., Any], host: str = "", **given: Any
) -> Any:
    login = {"user": cluster.user, "password": cluster.password, database: cluster.database}
    place = {"host": host or cluster.host("writer"), "port": cluster.address("writer")[1]}
    return connect(**{**place, **login, **given})


def test_connects_go_straight_to_the_writer_from_the_verdict_on(start, cluster, by_name):
    agent = start()
    held = [by_name()]
    cluster.dns_lag = FROZEN
    switch = cluster.failover(Failover.SWITCHOVER)
    # The first of them finds it out: it lands on the old writer, and is replaced.
    held += [by_name() for _ in range(3)]
    assert [serving(each) for each in held[1:]] == [switch.new_writer] * 3
    write(held[1])
    assert agent.exported.metric(MISROUTES) == 1
    assert agent.exported.metric(STRAIGHT) == 3
    assert agent.exported.metric("aurora.connection.opens") == 4
    # As many sessions as the application has connections, and none of the agent's.
    eventually(lambda: cluster.sessions(switch.new_writer) == 3)
    *_, span = agent.exported.spans("track connection")
    assert span.attributes["aurora.straight.reason"] == "misrouted"
    assert span.attributes["network.peer.address"] == cluster.address(switch.new_writer)[0]
    assert span.attributes["server.address"] == cluster.host("writer")
    for connection in held:
        connection.close()


def test_the_connection_is_the_one_that_was_asked_for(start, cluster, by_psycopg):
    start()
    first = by_psycopg()
    cluster.dns_lag = FROZEN
    switch = cluster.failover(Failover.SWITCHOVER)
    second = by_psycopg(application_name="orders", autocommit=True)
    assert serving(second) == switch.new_writer
    assert (second.info.host, second.info.port) == (first.info.host, first.info.port)
    assert second.info.get_parameters()["application_name"] == "orders"
    assert second.autocommit
    for connection in (first, second):
        connection.close()


def test_a_repeated_connect_resolves_the_name_afresh(start, cluster, by_name):
    agent = start(straight_connects="off", refresh_timeout=30)
    first = by_name()
    cluster.dns_lag = FROZEN
    switch = cluster.failover(Failover.SWITCHOVER)

    def follow():
        eventually(lambda: agent.exported.metric(MISROUTES))
        cluster.dns_lag = 0.0

    following = threading.Thread(target=follow)
    following.start()
    second = by_name()
    following.join()
    assert serving(second) == switch.new_writer
    assert agent.exported.metric(STRAIGHT) == 0
    for connection in (first, second):
        connection.close()


def test_a_name_that_leads_nowhere_leads_to_the_writer(start, cluster, by_name, names):
    agent = start()
    first = by_name()
    cluster.dns_lag = FROZEN
    names[cluster.host("writer")] = "name.invalid"
    switch = cluster.failover(Failover.SWITCHOVER)
    second = by_name()
    assert serving(second) == switch.new_writer
    assert agent.exported.metric("aurora.connection.failures") == 1
    for connection in (first, second):
        connection.close()


def test_without_a_writer_elsewhere_the_drivers_own_error_goes_out(start, cluster, by_name, names):
    agent = start()
    first = by_name()
    names[PRIVATE] = "name.invalid"
    names[cluster.host("reader")] = "name.invalid"
    for host in (PRIVATE, cluster.host("reader"), "other.invalid"):
        error = attempt(lambda host=host: by_name(host))
        assert error is not None
        assert host in str(error)
    assert agent.exported.metric("aurora.connection.failures") == 3
    assert agent.exported.metric(STRAIGHT) == 0
    assert serving(first) == cluster.writer
    first.close()


def test_a_connect_that_hangs_goes_to_the_writer_as_soon_as_that_is_known(
    start, cluster, by_psycopg
):
    start(stuck_after=0.5)
    first = by_psycopg()
    cluster.dns_lag = FROZEN
    # The old writer's address takes connections, and says nothing on them.
    switch = cluster.failover(Failover.HANG)
    hanging = Call(by_psycopg)
    writing = Call(lambda: write(first))
    assert hanging.outcome(60) is None
    assert writing.outcome(60) is not None
    later = by_psycopg()
    for connection in (hanging.result, later):
        assert serving(connection) == switch.new_writer
        connection.close()


@pytest.mark.parametrize("kind", ["hostaddr", "hosts"])
def test_what_the_application_leads_elsewhere_itself_goes_there(start, cluster, by_psycopg, kind):
    start(refresh_timeout=0.2)
    first = by_psycopg()
    cluster.dns_lag = FROZEN
    switch = cluster.failover(Failover.SWITCHOVER)
    by_psycopg().close()
    ip, _ = cluster.address(switch.old_writer)
    given = {"hostaddr": {"hostaddr": ip}, "hosts": {"host": f"{cluster.host('writer')},{ip}"}}
    connection = by_psycopg(**given[kind])
    assert serving(connection) == switch.old_writer
    for each in (first, connection):
        each.close()


@pytest.mark.parametrize("is_for_the_endpoint", [True, False])
def test_a_certificate_is_checked_for_the_host_that_the_application_gave(
    start, cluster, names, tmp_path, is_for_the_endpoint
):
    endpoint, target = cluster.host("writer"), cluster.readers[0]
    port, places, trusted = 0, [], tmp_path / "trusted.pem"
    with contextlib.ExitStack() as stack:
        for each in cluster.instances:
            (tmp_path / each).mkdir()
            ip, _ = cluster.address(each)
            # The agent asks an instance by its address.
            hosts = [ip, endpoint] if each != target or is_for_the_endpoint else [ip]
            proxy = Encrypted(cluster.address(each), tmp_path / each, at=(ip, port), names=hosts)
            port = stack.enter_context(proxy.running()).address[1]
            with trusted.open("a") as file:
                file.write(proxy.file.read_text())
            places.append(f"{each}={ip}:{port}")
        agent = start(instance_endpoints=",".join(places))
        tls = {"sslmode": "verify-full", "sslrootcert": str(trusted), "gssencmode": "disable"}
        connect = functools.partial(_connect, cluster, *DRIVERS["psycopg"], port=port, **tls)
        names[endpoint] = cluster.address(cluster.writer)[0]
        first = connect()
        switch = cluster.failover(Failover.SWITCHOVER, target=target)
        second = connect()
        expected = switch.new_writer if is_for_the_endpoint else switch.old_writer
        assert serving(second) == expected
        assert agent.exported.metric(STRAIGHT) == int(is_for_the_endpoint)
        for connection in (first, second):
            connection.close()


@pytest.mark.parametrize("failover", [Failover.SWITCHOVER, Failover.CRASH])
def test_a_pool_goes_on_while_dns_is_wrong(start, cluster, by_psycopg, failover):
    agent = start(refresh_timeout=20)
    failed: list[list[Exception]] = [[] for _ in range(THREADS)]
    written = [0] * THREADS
    over = threading.Event()

    class Connections(psycopg.Connection[Any]):
        @classmethod
        def connect(cls, *_: Any, **__: Any) -> Any:
            return by_psycopg()

    def work(pool: ConnectionPool, number: int) -> None:
        while not over.wait(0.01):
            try:
                with pool.connection() as connection:
                    connection.execute("INSERT INTO writes (x) VALUES ('pool')")
            except psycopg.Error as error:  # noqa: PERF203 - each write for itself
                failed[number].append(error)
            else:
                written[number] += 1

    def go_on() -> None:
        enough = [count + 20 for count in written]
        eventually(
            lambda: all(count >= least for count, least in zip(written, enough, strict=True))
        )

    with ConnectionPool("", connection_class=Connections, min_size=2, max_size=THREADS) as pool:
        threads = [threading.Thread(target=work, args=(pool, each)) for each in range(THREADS)]
        for thread in threads:
            thread.start()
        go_on()
        cluster.dns_lag = FROZEN
        switch = cluster.failover(failover)
        go_on()
        cluster.recover(switch.old_writer)
        pool.drain()
        go_on()
        over.set()
        for thread in threads:
            thread.join()
    assert max(len(each) for each in failed) <= 1, failed
    assert agent.exported.metric(STRAIGHT) > 0
    assert agent.tracked(switch.old_writer) == 0


def test_observing_connects_by_name_alone(start, cluster, by_psycopg):
    agent = start(mode="observe", refresh_timeout=0.2)
    first = by_psycopg()
    cluster.dns_lag = FROZEN
    switch = cluster.failover(Failover.SWITCHOVER)
    second = by_psycopg()
    assert serving(second) == switch.old_writer
    assert agent.exported.metric(STRAIGHT) == 0
    for connection in (first, second):
        connection.close()
