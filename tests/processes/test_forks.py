"""A forked child leaves its parent's connections alone, and counts its own from zero."""

from __future__ import annotations

import json
import os
import signal
import traceback
from collections.abc import Callable

import pytest

import aurora_otel
from aurora_otel.lab import Failover
from tests.support import programs
from tests.support.drivers.descriptors import DRIVERS
from tests.support.programs import PYTHON
from tests.support.sql import READ_ONLY, refused_write, run, sqlstate, write
from tests.support.waiting import eventually

# The lab and the agent run threads, as applications do.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


class Child:
    """A forked child that runs `action`; it is done with what it inherited when it ends."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                signal.alarm(40)
                action()
                status = 0
            except BaseException:  # noqa: BLE001 - nothing of pytest's may run in the child
                traceback.print_exc()
            finally:
                os._exit(status)

    def join(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0


def test_a_child_shuts_down_nothing_of_its_parents(agent, cluster, connect):
    held = [connect(cluster.dsn(target)) for target in ("writer", "writer", cluster.writer)]
    old = cluster.writer
    go_read, go_write = os.pipe()
    ready_read, ready_write = os.pipe()

    def child() -> None:
        assert agent.tracked() == 0
        assert aurora_otel.snapshot().clusters == ()
        mine = connect(cluster.dsn("writer"))
        assert agent.tracked() == 1
        os.write(ready_write, b"1")
        os.read(go_read, 1)
        # It sees the failover, cleans up after it, and ends: only its own connection is gone.
        assert sqlstate(refused_write(mine)) == READ_ONLY
        assert agent.tracked() == 0
        assert aurora_otel.snapshot().clusters[0].failovers == 1

    forked = Child(child)
    assert os.read(ready_read, 1) == b"1"
    cluster.failover(Failover.SWITCHOVER)
    os.write(go_write, b"1")
    forked.join()

    assert agent.tracked(old) == 3
    for connection in held:
        assert run(connection, "SELECT 1") == [(1,)]
        connection.rollback()
    # The parent's turn.
    assert sqlstate(refused_write(held[0])) == READ_ONLY
    assert agent.tracked(old) == 0
    for connection in held:
        connection.close()
    for end in (go_read, go_write, ready_read, ready_write):
        os.close(end)


def test_an_inherited_connection_that_a_child_uses_is_not_its_business(agent, cluster, connect):
    connection = connect(cluster.dsn("writer"))

    def child() -> None:
        run(connection, "SET TRANSACTION READ ONLY")
        assert sqlstate(refused_write(connection)) == READ_ONLY
        assert aurora_otel.snapshot().clusters == ()
        assert agent.exported.spans("refresh topology") == []

    Child(child).join()
    write(connection)
    assert agent.tracked() == 1
    connection.close()


def test_the_monitoring_connection_of_the_parent_lives_on(start, cluster, connect):
    agent = start(refresh_interval=0.05, refresh_timeout=1)
    connection = connect(cluster.dsn("writer"))
    # No instance confirms itself as the writer: the symptom stays unexplained.
    cluster.set_read_only(cluster.writer, on=True)
    run(connection, "SET TRANSACTION READ ONLY")
    assert sqlstate(refused_write(connection)) == READ_ONLY

    def monitoring() -> list[tuple[int]]:
        ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'aurora-otel'"
        return [pid for each in cluster.instances for pid in cluster.execute(each, ours)]

    def child() -> None:
        mine = connect(cluster.dsn("writer"))
        run(mine, "SET TRANSACTION READ ONLY")
        refused_write(mine)
        mine.close()
        aurora_otel.AuroraInstrumentor().uninstrument()

    def outlives_a_child() -> bool:
        before = eventually(monitoring)
        Child(child).join()
        refreshes = _refreshes(agent)
        eventually(lambda: run(connection, "SELECT 1") and _refreshes(agent) > refreshes)
        return monitoring() == before

    # The parent may replace it meanwhile, less and less often: then another child shows it.
    eventually(outlives_a_child, within=60)
    connection.close()


def _refreshes(agent) -> int:
    return len(agent.exported.spans("refresh topology"))


def test_the_loop_runs_in_a_child_that_connects(agent, cluster, connect):
    connection = connect(cluster.dsn("writer"))

    def child() -> None:
        connect(cluster.dsn("writer"))
        eventually(lambda: agent.exported.metric("aurora.connection.prunes") == 1)
        # Zeroed: nothing of what the parent counted is exported twice.
        assert agent.exported.metric("aurora.connection.opens") == 1

    Child(child).join()
    assert agent.exported.metric("aurora.connection.opens") == 1
    assert agent.exported.metric("aurora.connection.prunes") == 0
    connection.close()


def test_a_child_that_ends_says_no_farewell_on_its_parents_monitoring_connection(mysql_lab):
    # mysqlclient says farewell when an object goes, whichever process it goes in.
    mysql_lab.heal()
    # No instance confirms itself as the writer: the symptom stays unexplained.
    mysql_lab.set_read_only(mysql_lab.writer, on=True)
    ended = programs.run(
        PYTHON,
        "-m",
        "tests.processes.forking",
        env=programs.environment(
            mysql_lab,
            PROCESS_LOGIN=json.dumps(_mysqlclient().login(mysql_lab)),
            AURORA_OTEL_WRITER_ENDPOINTS=":".join(map(str, mysql_lab.address("writer"))),
        ),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    before, after = json.loads(ended.stdout)
    # More than one where the machine is so busy that logins of one refresh outlast it.
    assert before
    assert before == after


def _mysqlclient():
    return next(driver for driver in DRIVERS if driver.name == "mysqlclient")


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_process_of_multiprocessing_tracks_its_own_alone(cluster, method):
    env = programs.environment(cluster)
    ended = programs.run(PYTHON, "-m", "tests.processes.multiprocess", method, env=env)
    assert (ended.returncode, ended.stderr) == (0, "")
    reported = json.loads(ended.stdout)
    assert reported["children"] == [{"before": 0, "after": 1, "opens": 1}] * 3
    assert reported["parent"] == {"tracked": 1, "opens": 1, "works": True}
