"""What only mysqlclient can do goes on working, and is watched for symptoms."""

from __future__ import annotations

import gc

import MySQLdb
import pytest
from MySQLdb.connections import Connection
from MySQLdb.cursors import SSDictCursor

from aurora_otel.drivers.common.libmariadb import Parameters
from aurora_otel.drivers.connects import Login
from aurora_otel.drivers.marks import track_of
from aurora_otel.drivers.mysqlclient import Adapter
from tests.support.drivers.mysql_features import MYSQLCLIENT
from tests.support.links import Hang, Transparent, through
from tests.support.mysql import arguments, bare, end, executed, writer_endpoint
from tests.support.sql import Call, attempt
from tests.support.upstream import UPSTREAM
from tests.support.waiting import eventually

connect = MYSQLCLIENT.connect


@pytest.fixture
def cluster(mysql_cluster):
    return mysql_cluster


@pytest.fixture
def agent(start, cluster):
    return start(writer_endpoints=writer_endpoint(cluster))


@pytest.mark.parametrize("autocommit", [True, False, None])
def test_a_fresh_connection_is_as_the_driver_made_it(start, cluster, autocommit):
    def state(connection):
        attributes = {
            name: each
            for name, each in vars(connection).items()
            if not name.startswith("_aurora_otel")
        }
        of_statement = connection.insert_id(), connection.info(), connection.errno()
        statement = "SELECT @@in_transaction, @@warning_count, LAST_INSERT_ID()"
        return attributes, of_statement, executed(connection, statement)[-1]

    plain = bare(connect(cluster, autocommit=autocommit))
    agent = start(writer_endpoints=writer_endpoint(cluster))
    ours = bare(connect(cluster, autocommit=autocommit))
    assert agent.tracked(cluster.writer) == 1
    assert type(ours) is type(plain)
    assert state(ours) == state(plain)
    ours.close()
    plain.close()


@pytest.mark.filterwarnings("ignore:The reconnect parameter:DeprecationWarning")
@pytest.mark.parametrize("again", ["ping", "query"])
def test_a_connection_that_libmariadb_reopens_is_another_one(start, cluster, again):
    agent = start(writer_endpoints=writer_endpoint(cluster), prune_interval=60)
    connection = connect(cluster)
    connection.ping(True)  # noqa: FBT003 - has no name
    first, session = track_of(connection), connection.thread_id()
    end(cluster, connection)
    if again == "ping":
        connection.ping(True)  # noqa: FBT003 - as above
    else:
        # Only what could not even be sent makes libmariadb connect again.
        eventually(lambda: attempt(lambda: connection.query("SELECT 1")) is None)
        assert connection.store_result().fetch_row(0) == ((1,),)
    assert connection.thread_id() != session
    assert first.closed
    assert track_of(connection) is not first
    assert agent.tracked() == 1
    # Inside a result nothing can be asked.
    assert agent.tracked(cluster.writer if again == "ping" else "unknown") == 1
    assert agent.exported.metric("aurora.connection.opens") == 2
    eventually(lambda: agent.exported.spans("refresh topology"))  # a symptom was seen
    connection.close()
    assert agent.tracked() == 0
    assert isinstance(attempt(lambda: connection.query("SELECT 1")), MySQLdb.OperationalError)


def test_a_connection_that_libmariadb_may_reopen_can_be_forgotten(agent, cluster, recwarn):
    connection = connect(cluster)
    connection.ping(True)  # noqa: FBT003 - has no name
    connection.query("SELECT 1")
    connection.store_result()
    gc.disable()
    try:
        del connection
        eventually(lambda: agent.tracked() == 0)
    finally:
        gc.enable()


def test_a_connection_that_is_inside_a_call_is_not_taken_for_closed(start, cluster):
    agent = start(prune_interval=0.05)
    connection = connect(cluster)
    # From another thread, mysqlclient answers no question about it now.
    call = Call(lambda: executed(connection, "SELECT SLEEP(1)"))
    while not call.is_over:
        assert agent.tracked() == 1
    assert call.outcome() is None
    connection.close()
    assert agent.exported.metric("aurora.connection.prunes") == 0
    assert agent.exported.metric("aurora.connection.closes") == 1


def test_a_misrouted_connection_that_cannot_be_replaced_is_handed_over(start, cluster):
    agent = start(writer_endpoints=writer_endpoint(cluster))
    held = connect(cluster)
    old = cluster.writer
    cluster.dns_lag = 30
    cluster.failover("switchover")
    made = through(cluster, Transparent, Hang)
    connection = connect(cluster, connect_timeout=1)
    assert len(made) >= 2
    assert executed(connection, "SELECT @@aurora_server_id")[-1] == ((old,),)
    assert agent.exported.metric("aurora.connection.opens", instance_id=old) == 2
    for each in (held, connection):
        each.close()


class Own(Connection):
    """An application's own class."""

    def __init__(self, *args, **kwargs):
        self.before = True
        super().__init__(*args, **kwargs)
        self.after = True


@pytest.mark.skipif(bool(UPSTREAM), reason="upstream's proxies are no instances of them")
def test_the_applications_own_classes_are_its_own(agent, cluster):
    own = Own(**arguments(cluster))
    rows = connect(cluster, cursorclass=SSDictCursor)
    assert (type(own), own.before, own.after) == (Own, True, True)
    assert type(rows.cursor()) is SSDictCursor
    assert executed(rows, "SELECT 1 AS x")[-1] == ({"x": 1},)
    assert agent.tracked(cluster.writer) == 2
    for connection in (own, rows):
        connection.close()
    assert agent.tracked() == 0


def test_an_option_file_determines_where_a_connection_goes(agent, cluster, tmp_path):
    host, port = cluster.address(cluster.writer)
    options = tmp_path / "options"
    options.write_text(
        f"[client]\nhost={host}\nport={port}\nuser={cluster.user}\npassword={cluster.password}\n"
    )
    connection = MySQLdb.connect(read_default_file=str(options))
    assert agent.tracked(cluster.writer) == 1
    end(cluster, connection)
    assert attempt(lambda: connection.query("SELECT 1")) is not None
    # Our own connection reads the file, too.
    (refresh,) = agent.exported.spans("refresh topology")
    assert refresh.attributes["aurora.topology.confirmed"]
    connection.close()


def test_a_long_name_is_not_the_name_that_libmariadb_cuts_off():
    """Its host information has 64 characters, and RDS's names may have more."""
    name = f"{'x' * 63}.cluster-abcdefghijkl.eu-central-1.rds.amazonaws.com"
    shown = Stand(f"{name[:64]} via TCP/IP", {"host": name})
    assert Adapter().address(shown) == (name, 3306)
    assert Adapter().address(Stand("short via TCP/IP", {})) == ("short", 3306)
    assert Adapter().address(Stand("x via UNIX socket", {"unix_socket": "/s"})) == ("/s", 3306)


class Stand:
    """Shows what a connection to a name that nothing resolves here would show."""

    port = 3306

    def __init__(self, shown, arguments):
        self.get_host_info = lambda: shown
        self._aurora_otel_login = Login(Parameters(arguments))
