"""SQLAlchemy's own means of reconnecting, and the application's events, with and without us."""

from __future__ import annotations

import pytest
import sqlalchemy
from sqlalchemy import event, exc
from sqlalchemy.pool import Pool, base

from aurora_otel import AuroraInstrumentor
from aurora_otel.lab import Failover
from tests.support.pools.cases import CASES, fill
from tests.support.sql import READ_ONLY, WRITE, attempt, sqlstate

CASE = next(case for case in CASES if str(case) == "QueuePool-psycopg2")
pytestmark = pytest.mark.parametrize("case", [CASE], ids=str)

POOL_EVENTS = (
    "first_connect",
    "connect",
    "checkout",
    "checkin",
    "reset",
    "invalidate",
    "soft_invalidate",
    "close",
    "detach",
    "close_detached",
)


class Heard:
    """An engine, and the events that its application has heard."""

    def __init__(self, case, cluster, **options):
        self.log = []
        self.engine = sqlalchemy.create_engine(
            "postgresql+psycopg2://", creator=lambda: case.driver.connect(cluster), **options
        )
        for name in POOL_EVENTS:
            event.listen(self.engine, name, lambda *_, name=name: self.log.append(name))
        event.listen(self.engine, "handle_error", self._on_error)

    def _on_error(self, context):
        self.log.append(("handle_error", context.is_disconnect, type(context.original_exception)))

    def close_behind_its_back(self):
        """Close an idle connection of the pool, which does not notice."""
        with self.engine.connect() as connection:
            closed = connection.connection.dbapi_connection
        closed.close()

    def read(self):
        with self.engine.connect() as connection:
            return connection.execute(sqlalchemy.text("SELECT 1")).scalar()


def pre_ping(case, cluster):
    heard = Heard(case, cluster, pool_size=2, pool_pre_ping=True)
    heard.read()
    heard.close_behind_its_back()
    heard.read()
    return heard


def a_lost_connection(case, cluster):
    heard = Heard(case, cluster, pool_size=2)
    heard.close_behind_its_back()
    assert isinstance(attempt(heard.read), exc.DBAPIError)
    heard.read()
    return heard


def recycle(case, cluster):
    heard = Heard(case, cluster, pool_size=2, pool_recycle=0)
    heard.read()
    heard.read()
    return heard


def dispose(case, cluster):
    heard = Heard(case, cluster, pool_size=2)
    held = heard.engine.connect()
    heard.read()
    heard.engine.dispose()
    heard.read()
    held.close()
    return heard


def detach_and_invalidate(case, cluster):
    heard = Heard(case, cluster, pool_size=2)
    with heard.engine.connect() as connection:
        connection.detach()
    with heard.engine.connect() as connection:
        connection.invalidate()
    heard.read()
    return heard


def a_listener_that_refuses_a_connection(case, cluster):
    heard = Heard(case, cluster, pool_size=2)
    heard.read()
    refused = []

    def refuse(*_):
        if not refused:
            refused.append(True)
            raise exc.DisconnectionError("not this one")

    event.listen(heard.engine, "checkout", refuse)
    heard.read()
    return heard


def a_handler_that_raises_another_error(case, cluster):
    heard = Heard(case, cluster, pool_size=2)

    @event.listens_for(heard.engine, "handle_error")
    def another(context):
        raise LookupError("translated") from context.original_exception

    with heard.engine.connect() as connection, pytest.raises(LookupError):
        connection.execute(sqlalchemy.text("SELECT no such column"))
    return heard


@pytest.mark.parametrize(
    "scenario",
    [
        pre_ping,
        a_lost_connection,
        recycle,
        dispose,
        detach_and_invalidate,
        a_listener_that_refuses_a_connection,
        a_handler_that_raises_another_error,
    ],
)
def test_the_application_hears_the_same_events(start, cluster, case, scenario):
    plain = scenario(case, cluster)
    start()
    with_us = scenario(case, cluster)
    assert with_us.log == plain.log
    assert with_us.engine.pool.status() == plain.engine.pool.status()
    for heard in (plain, with_us):
        heard.engine.dispose()


def test_a_refused_write_reaches_the_application_out_of_its_transaction(
    agent, cluster, open_pool, case
):
    pool = open_pool()
    fill(pool, 5)
    with pool.checkout() as held:
        cluster.failover(Failover.SWITCHOVER)
        error = attempt(pool.write)
        assert sqlstate(error.orig) == READ_ONLY
        assert error.connection_invalidated
        # The whole pool was not thrown away for it: a connection of after the failover stays.
        opened = pool.opened
        assert attempt(pool.write) is None
        assert pool.opened == opened + 1
        # What was held fails in the application's hands, and is replaced on its return.
        assert isinstance(attempt(lambda: held.execute(sqlalchemy.text(WRITE))), exc.DBAPIError)
    fill(pool, 5)
    assert pool.size() == 5


def test_uninstrumenting_takes_back_what_was_patched(agent, cluster, open_pool, case):
    patched = Pool.connect, base._ConnectionRecord.get_connection
    AuroraInstrumentor().uninstrument()
    given_back = Pool.connect, base._ConnectionRecord.get_connection
    assert not set(patched) & set(given_back)
    assert {each.__module__ for each in given_back} == {"sqlalchemy.pool.base"}
    pool = open_pool()
    pool.write()
    assert not pool.engine.pool.dispatch.checkin
