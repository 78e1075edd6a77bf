"""One server at a time behind a name: followed to its new address, and never judged in doubt.

The name is an RDS instance's. It leads to the server itself, as name servers have it: the lab's
records, which move with what is published, unless a test has it lead elsewhere.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Iterator, Mapping

import pytest

import aurora_otel
from aurora_otel.lab import Cluster, Failover
from aurora_otel.lab.resolving import resolving
from tests.kinds.cases import _case, _cluster, _driver  # noqa: F401 - fixtures
from tests.kinds.conftest import kinds, logged, serving, too_slow
from tests.support.logins import logged as logged_logins
from tests.support.sql import Call, attempt, run, write
from tests.support.waiting import eventually

# The fixture of the lab, and the drivers.
CASES = [
    (lab, driver)
    for lab, drivers in {
        "single": ("psycopg", "pg8000", "asyncpg-asyncio"),
        "single_mysql": ("pymysql", "mysql-connector-pure", "aiomysql-asyncio"),
    }.items()
    for driver in drivers
]
FIRST = [case for case in CASES if case[1] in ("pg8000", "pymysql")]
each_driver = pytest.mark.parametrize("case", CASES, ids="-".join, indirect=True)
each_engine = pytest.mark.parametrize("case", FIRST, ids="-".join, indirect=True)

INVALIDATIONS = "aurora.connection.invalidations"
LONG = {"postgresql": "SELECT pg_sleep(60)", "mysql": "SELECT SLEEP(60)"}
PRIVATE = "db.example.com"


class Names(Mapping[str, str]):
    """The lab's names, and what a test has them lead to instead."""

    def __init__(self, cluster: Cluster) -> None:
        self._records = cluster.records({PRIVATE: "writer"})
        self.elsewhere: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self.elsewhere[name] if name in self.elsewhere else self._records[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)


@pytest.fixture
def names(cluster):
    made = Names(cluster)
    with resolving(made):
        yield made


@pytest.fixture
def connect(driver, cluster, names):
    return functools.partial(driver.connect, cluster)


@pytest.fixture
def begin(start, driver, cluster):
    """Starts the agent."""
    return functools.partial(start, **driver.settings(cluster))


def at(cluster, instance):
    """Return what the agent calls an instance: the address at which it was reached."""
    return ":".join(map(str, cluster.plain_address(instance)))


def known_writers():
    return {each.writer for each in aurora_otel.snapshot().clusters if each.writer}


def close(*connections):
    for connection in connections:
        attempt(connection.close)


def readings(agent):
    return len(agent.exported.spans("refresh topology"))


def promote_beside(cluster):
    """Have another server accept writes, too; the old one goes on. Return both."""
    old, new = cluster.writer, cluster.readers[0]
    cluster.promote(new)
    return old, new


@each_driver
def test_it_is_recognised_by_the_probe_and_its_connections_are_asked_nothing_more(
    begin, cluster, connect
):
    agent = begin()
    first = connect()
    asked, errors = logged(cluster, "default_transaction_read_only"), logged(cluster, "ERROR")
    held = [connect() for _ in range(3)]
    for connection in (first, *held):
        write(connection)
    assert kinds() == {"single"}
    assert known_writers() == {at(cluster, cluster.writer)}
    assert agent.tracked(at(cluster, cluster.writer)) == 4
    assert logged(cluster, "default_transaction_read_only") == asked
    assert logged(cluster, "ERROR") == errors
    assert readings(agent) == 0
    close(first, *held)


@each_engine
def test_one_that_is_too_slow_to_answer_is_called_by_its_address_all_the_same(
    begin, cluster, connect
):
    agent = begin()
    connect().close()
    switch = cluster.failover(Failover.SWITCHOVER)
    with too_slow():
        unasked = connect()
    clusters, tracker = agent.internals.clusters, agent.internals.tracker
    (track,) = (each for cluster in clusters for each in tracker.tracks(cluster))
    assert track.instance == at(cluster, switch.new_writer)
    # It is asked nothing later: where it landed is reason enough to look who is the writer.
    eventually(lambda: known_writers() == {at(cluster, switch.new_writer)})
    close(unasked)


@each_driver
@pytest.mark.parametrize("kind", list(Failover), ids=lambda kind: kind.value)
def test_once_the_name_leads_to_a_new_writer_no_session_is_left_at_the_old_address(
    begin, cluster, connect, driver, kind
):
    agent = begin(stuck_after=0)
    held = [connect() for _ in range(3)]
    busy = Call(lambda: run(held[0], LONG[cluster.engine]))
    eventually(lambda: cluster.sessions(cluster.writer) >= 3)
    switch = cluster.failover(kind)
    fresh = [connect() for _ in range(2)]
    # It hung, where the old server is frozen.
    assert isinstance(busy.outcome(), driver.errors)
    eventually(lambda: agent.tracked(at(cluster, switch.old_writer)) == 0)
    assert all(
        isinstance(attempt(functools.partial(write, each)), driver.errors) for each in held[1:]
    )
    for connection in fresh:
        write(connection)
        assert serving(cluster, connection) == switch.new_writer
    assert known_writers() == {at(cluster, switch.new_writer)}
    assert agent.tracked(at(cluster, switch.new_writer)) == 2
    close(*held, *fresh)


@each_engine
def test_a_call_that_hangs_is_ended_without_another_connect(begin, cluster, connect, driver):
    agent = begin(stuck_after=0.5)
    held = [connect() for _ in range(2)]
    busy = Call(lambda: run(held[0], LONG[cluster.engine]))
    switch = cluster.failover(Failover.HANG)
    assert isinstance(busy.outcome(60), driver.errors)
    eventually(lambda: agent.tracked(at(cluster, switch.old_writer)) == 0)
    assert known_writers() == {at(cluster, switch.new_writer)}
    close(*held)


@each_engine
def test_a_name_that_moves_while_the_old_server_accepts_writes_closes_nothing(
    begin, cluster, connect
):
    agent = begin()
    held = [connect() for _ in range(2)]
    old, new = promote_beside(cluster)
    cluster.publish()
    moved = [connect() for _ in range(2)]
    asked = readings(agent)
    assert asked
    # Known to be harmless from here on.
    moved += [connect() for _ in range(3)]
    assert readings(agent) == asked
    for connection, instance in (*((each, old) for each in held), *((m, new) for m in moved)):
        write(connection)
        assert serving(cluster, connection) == instance
    assert agent.exported.metric(INVALIDATIONS) == 0
    assert known_writers() == {at(cluster, old)}
    close(*held, *moved)


@each_engine
def test_a_name_that_leads_to_the_silent_server_still_closes_nothing(
    begin, cluster, connect, names, monkeypatch
):
    agent = begin(refresh_interval=0.1)
    held = [connect() for _ in range(2)]
    old = cluster.writer
    switch = cluster.failover(Failover.HANG)
    resolve, name = socket.getaddrinfo, cluster.host("writer")
    both = [cluster.plain_address(each)[0] for each in (switch.new_writer, old)]

    def at_both(host, port, *args, **kwargs):
        if host != name:
            return resolve(host, port, *args, **kwargs)
        found = (resolve(each, port, *args, **kwargs) for each in both)
        return [each for one in found for each in one]

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", at_both)
        fresh = connect()
        before = readings(agent)
        eventually(lambda: readings(agent) > before + 2)
        assert agent.exported.metric(INVALIDATIONS) == 0
        assert agent.tracked(at(cluster, old)) == 2
    # It has left there: now it is certain.
    eventually(lambda: agent.tracked(at(cluster, old)) == 0)
    write(fresh)
    close(*held, fresh)


@pytest.mark.parametrize("case", FIRST[:1], ids="-".join, indirect=True)
def test_no_login_goes_to_an_address_that_was_left(begin, cluster, connect):
    agent = begin()
    held = connect()
    old, ever = cluster.writer, logged_logins(cluster)
    cluster.failover(Failover.CRASH)
    fresh = connect()
    eventually(lambda: agent.tracked(at(cluster, old)) == 0)
    cluster.recover(old)
    logins, asked = logged_logins(cluster), readings(agent)
    run(fresh, "SET TRANSACTION READ ONLY")
    assert attempt(functools.partial(write, fresh)) is not None
    eventually(lambda: readings(agent) > asked)
    assert logins.of_our_own()[old] == 0
    # It may still have the session of an earlier reading.
    assert ever.of_our_own()[cluster.writer] > 0
    close(held, fresh)


FULL = {
    "postgresql": "ALTER ROLE app CONNECTION LIMIT 0",
    "mysql": "ALTER USER app WITH MAX_USER_CONNECTIONS 1",
}
NO_LIMIT = {
    "postgresql": "ALTER ROLE app CONNECTION LIMIT -1",
    "mysql": "ALTER USER app WITH MAX_USER_CONNECTIONS 0",
}


@each_engine
def test_an_old_server_that_refuses_the_agents_login_keeps_its_sessions(begin, cluster, connect):
    agent = begin()
    held = [connect() for _ in range(2)]
    old, _ = promote_beside(cluster)
    cluster.execute(old, FULL[cluster.engine])
    cluster.publish()
    fresh = connect()
    eventually(lambda: readings(agent))
    for connection in (*held, fresh):
        write(connection)
    assert agent.exported.metric(INVALIDATIONS) == 0
    assert known_writers() == {at(cluster, old)}
    close(*held, fresh)
    cluster.execute(old, NO_LIMIT[cluster.engine])


@each_engine
def test_an_old_server_that_thaws_costs_the_new_one_no_connection(begin, cluster, connect, names):
    agent = begin(stuck_after=0)
    held = [connect() for _ in range(2)]
    old = cluster.writer
    switch = cluster.failover(Failover.HANG)
    fresh = [connect() for _ in range(3)]
    eventually(lambda: agent.tracked(at(cluster, old)) == 0)
    cluster.thaw(old)
    eventually(lambda: attempt(lambda: cluster.execute(old, "SELECT 1")) is None)
    # A name server is late, or wrong.
    names.elsewhere[cluster.host("writer")] = cluster.plain_address(old)[0]
    zombies = [connect() for _ in range(3)]
    assert {serving(cluster, each) for each in zombies} == {old}
    names.elsewhere.clear()
    fresh += [connect() for _ in range(2)]
    for connection in fresh:
        write(connection)
        assert serving(cluster, connection) == switch.new_writer
    assert known_writers() == {at(cluster, switch.new_writer)}
    assert agent.exported.metric("aurora.failovers") == 1
    assert agent.exported.metric(INVALIDATIONS) == len(held)
    close(*held, *fresh, *zombies)


@each_engine
def test_each_name_is_judged_by_itself(begin, cluster, connect, names):
    agent = begin(single_endpoints=PRIVATE)
    held, others = ([connect(host=host) for _ in range(2)] for host in (None, PRIVATE))
    old = cluster.writer
    # The other name stays where it is: another application's, at a server that is kept.
    names.elsewhere[PRIVATE] = cluster.plain_address(old)[0]
    new = cluster.readers[0]
    assert kinds() == {"single"}
    if cluster.engine == "postgresql":
        cluster.promote(new, publish=True)
        cluster.execute(old, "ALTER SYSTEM SET default_transaction_read_only = 'on'")
        cluster.execute(old, "SELECT pg_reload_conf()")
    else:
        cluster.failover(Failover.SWITCHOVER, target=new)
    fresh = connect()
    eventually(lambda: agent.tracked(at(cluster, old)) == len(others))
    for connection in others:
        assert serving(cluster, connection) == old
    write(fresh)
    assert agent.exported.metric(INVALIDATIONS) == len(held)
    close(*held, *others, fresh)
