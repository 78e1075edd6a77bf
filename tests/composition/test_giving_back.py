"""`uninstrument()` gives everything back, whatever is going on."""

import threading

import psycopg
import psycopg2
import pytest

import aurora_otel
from aurora_otel import AuroraInstrumentor
from aurora_otel.lab import Failover
from tests.support.waiting import eventually


def own_threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("aurora-otel")]


def own_connections(cluster):
    return sum(
        cluster.sessions(instance, application_name="aurora-otel")
        for instance in (cluster.writer, *cluster.readers)
    )


def read_only_error(connection):
    """Meet the error that is a symptom, without a change of the writer."""
    cursor = connection.cursor()
    cursor.execute("SET TRANSACTION READ ONLY")
    with pytest.raises((psycopg.Error, psycopg2.Error), match="read-only"):
        cursor.execute("INSERT INTO writes (x) VALUES ('x')")
    connection.rollback()


def use(connection):
    cursor = connection.cursor()
    cursor.execute("INSERT INTO writes (x) VALUES ('x')")
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]
    connection.commit()
    connection.rollback()


def test_the_driver_modules_and_classes_have_the_very_objects_that_they_had(
    originals, agent, cluster, connect
):
    assert not originals()
    connect(cluster.dsn("writer")).close()
    AuroraInstrumentor().uninstrument()
    assert originals()
    assert aurora_otel.snapshot().active is False


def test_no_thread_and_no_connection_is_left_from_an_open_refresh_window(agent, cluster, connect):
    connection = connect(cluster.dsn("writer"))
    # No instance confirms itself as the writer: the symptom stays unexplained.
    cluster.set_read_only(cluster.writer, on=True)
    read_only_error(connection)
    eventually(lambda: own_connections(cluster) == 1)
    assert own_threads()
    AuroraInstrumentor().uninstrument()
    assert own_threads() == []
    eventually(lambda: own_connections(cluster) == 0)
    cluster.set_read_only(cluster.writer, on=False)
    use(connection)
    connection.close()


def test_nothing_is_left_of_a_refresh_that_is_running(start, cluster, connect):
    start(refresh_timeout=3)
    reader = connect(cluster.dsn(cluster.readers[-1]))
    connect(cluster.dsn("writer")).close()
    # All instances go on naming a writer that does not answer.
    target = cluster.readers[0]
    switch = cluster.failover(Failover.HANG, target=target, publish=False)
    outcome = []

    def call():
        try:
            reader.cursor().execute("INSERT INTO writes (x) VALUES ('x')")
        except (psycopg.Error, psycopg2.Error) as error:
            outcome.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    eventually(lambda: "aurora-otel-refresh" in own_threads())
    AuroraInstrumentor().uninstrument()
    # One that has asked its server says so, and exits a moment later.
    eventually(lambda: own_threads() == [], within=5.0)
    caller.join(20)
    assert "read-only" in str(outcome[0])
    cluster.recover(switch.old_writer)
    eventually(lambda: own_connections(cluster) == 0)
    reader.close()


def test_open_connections_go_on_working(agent, cluster, connect):
    plain, used = connect(cluster.dsn("writer")), connect(cluster.dsn("writer"))
    named = used.cursor("named")
    named.execute("SELECT generate_series(1, 100)")
    assert len(named.fetchmany(10)) == 10
    AuroraInstrumentor().uninstrument()
    assert len(named.fetchmany(10)) == 10
    used.rollback()
    for connection in (plain, used):
        use(connection)
    # Nothing is done about them any more, and their errors are the driver's own.
    cluster.failover(Failover.SWITCHOVER)
    with pytest.raises((psycopg.Error, psycopg2.Error), match="read-only"):
        use(plain)
    plain.rollback()
    plain.cursor().execute("SELECT 1")
    for connection in (plain, used):
        connection.close()
        assert connection.closed


def test_uninstrumenting_during_calls_in_other_threads_disturbs_none(start, cluster, connect):
    connections = [connect_under(start, cluster, connect) for _ in range(4)]
    stop, errors = threading.Event(), []

    def work(connection):
        try:
            while not stop.is_set():
                use(connection)
        except Exception as error:  # noqa: BLE001 - whatever it is
            errors.append(error)

    workers = [threading.Thread(target=work, args=(c,)) for c in connections]
    for worker in workers:
        worker.start()
    for _ in range(5):
        AuroraInstrumentor().uninstrument()
        start()
    stop.set()
    for worker in workers:
        worker.join(20)
    assert errors == []
    for connection in connections:
        connection.close()


def connect_under(start, cluster, connect):
    if not aurora_otel.snapshot().active:
        start()
    return connect(cluster.dsn("writer"))
