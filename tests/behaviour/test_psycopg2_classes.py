"""psycopg2: an application's own classes run as they are, and are watched all the same."""

from __future__ import annotations

import gc
import weakref

import psycopg2
import pytest
from psycopg2 import extensions, extras

import aurora_otel
from aurora_otel import AuroraInstrumentor
from aurora_otel.drivers.psycopg2.class_patches import ClassPatches
from tests.support.sql import attempt, pid, run
from tests.support.upstream import UPSTREAM

pytestmark = pytest.mark.skipif(
    bool(UPSTREAM), reason="upstream's cursors stand in the place of the connection class's own"
)


class Final(extensions.connection):
    def __init_subclass__(cls):
        raise TypeError("Final cannot be subclassed")


class FinalCursor(extensions.cursor):
    def __init_subclass__(cls):
        raise TypeError("FinalCursor cannot be subclassed")


class Frozen(type):
    def __setattr__(cls, name, value):
        raise TypeError("this class cannot be changed")


class FrozenConnection(extensions.connection, metaclass=Frozen):
    pass


class FrozenCursor(extras.RealDictCursor, metaclass=Frozen):
    pass


class Slim(extensions.connection):
    __slots__ = ()


class Suspicious(extensions.connection):
    """A class that minds each attribute that it does not know."""

    def __getattr__(self, name):
        raise KeyError(name)

    def __setattr__(self, name, value):
        raise KeyError(name)


class Base(extensions.connection):
    def commit(self):
        super().commit()

    def cursor(self, *args, **kwargs):
        kwargs.setdefault("cursor_factory", BaseCursor)
        return super().cursor(*args, **kwargs)


class Derived(Base):
    def commit(self):
        super().commit()


class BaseCursor(extensions.cursor):
    def execute(self, query, vars=None):  # noqa: A002 - psycopg2's name
        return super().execute(query, vars)


class DerivedCursor(BaseCursor):
    def execute(self, query, vars=None):  # noqa: A002 - psycopg2's name
        return super().execute(query, vars)


def end(cluster, connection):
    cluster.execute(cluster.writer, "SELECT pg_terminate_backend(%s::int)", pid(connection))


def shows_a_lost_connection(cluster, connection, call):
    assert not aurora_otel.snapshot().clusters[0].window_open
    end(cluster, connection)
    assert isinstance(attempt(call), psycopg2.Error)
    return aurora_otel.snapshot().clusters[0].window_open


@pytest.mark.parametrize("factory", [Final, FrozenConnection, Slim, Suspicious, Derived])
def test_a_connection_class_is_its_own_and_watched(start, cluster, factory):
    agent = start(prune_interval=60)
    connection = psycopg2.connect(cluster.dsn("writer"), connection_factory=factory)
    assert type(connection) is factory
    assert factory.__subclasses__() == []
    assert agent.tracked(cluster.writer) == 1
    run(connection, "SELECT 1")
    assert shows_a_lost_connection(cluster, connection, connection.commit)
    connection.close()
    assert agent.tracked() == 0


@pytest.mark.parametrize("name", [None, "named"])
@pytest.mark.parametrize("factory", [FinalCursor, FrozenCursor, DerivedCursor, extras.DictCursor])
def test_a_cursor_class_is_its_own_and_watched(start, cluster, factory, name):
    start(prune_interval=60)
    connection = psycopg2.connect(cluster.dsn("writer"), cursor_factory=factory)
    cursor = connection.cursor(name)
    assert type(cursor) is factory
    assert factory.__subclasses__() == []
    cursor.execute("SELECT generate_series(1, 3) AS x")
    call = cursor.fetchall if name else lambda: cursor.execute("SELECT 1")
    assert shows_a_lost_connection(cluster, connection, call)
    connection.close()


def test_a_class_that_asks_more_of_its_subclasses_and_knows_them_is_asked_nothing(agent, cluster):
    known = []

    class Named(extensions.connection):
        def __init_subclass__(cls, *, name):
            known.append(name)

    class Orders(Named, name="orders"):
        pass

    psycopg2.connect(cluster.dsn("writer"), connection_factory=Orders).close()
    assert known == ["orders"]


def test_a_call_through_several_classes_is_reported_once(start, cluster, monkeypatch):
    agent = start(prune_interval=60)
    dsn = cluster.dsn("writer")
    # Base is watched for its own instances, too.
    base = psycopg2.connect(dsn, connection_factory=Base)
    run(base, "SELECT 1")
    connection = psycopg2.connect(dsn, connection_factory=Derived, cursor_factory=DerivedCursor)
    cursor = connection.cursor(cursor_factory=DerivedCursor)
    reported = []
    monkeypatch.setattr(agent.internals.hooks, "failed", lambda track, *_: reported.append(track))
    end(cluster, connection)
    assert isinstance(attempt(lambda: cursor.execute("SELECT 1")), psycopg2.Error)
    assert len(reported) == 1
    base.close()
    connection.close()


@pytest.mark.parametrize("patched", [Base, Derived])
def test_a_later_patch_of_a_class_has_its_effect_and_goes_again(
    agent, cluster, monkeypatch, patched
):
    connection = psycopg2.connect(cluster.dsn("writer"), connection_factory=Derived)
    connection.commit()
    before, seen = vars(patched)["commit"], []

    def commit(self):
        seen.append(self)
        before(self)

    with monkeypatch.context() as patch:
        patch.setattr(patched, "commit", commit)
        connection.commit()
        assert seen == [connection]
    connection.commit()
    assert seen == [connection]
    run(connection, "SELECT 1")
    assert shows_a_lost_connection(cluster, connection, connection.commit)
    connection.close()


def test_a_later_patch_that_is_on_top_when_the_agent_goes_stays_and_passes_through(start, cluster):
    class Own(Base):
        def commit(self):
            super().commit()

    start()
    connection = psycopg2.connect(cluster.dsn("writer"), connection_factory=Own)
    before, seen = vars(Own)["commit"], []

    def commit(self):
        seen.append(self)
        before(self)

    Own.commit = commit
    AuroraInstrumentor().uninstrument()
    connection.commit()
    assert seen == [connection]
    connection.close()


def test_a_later_patch_of_what_a_class_inherits_has_its_effect(agent, cluster, monkeypatch):
    class Bare(Base):
        pass

    connection = psycopg2.connect(cluster.dsn("writer"), connection_factory=Bare)
    connection.commit()
    monkeypatch.setattr(Base, "commit", lambda self: "patched")
    assert connection.commit() == "patched"
    connection.close()


def test_uninstrumenting_leaves_nothing_on_a_class(start, cluster):
    classes = (Base, Derived, BaseCursor, DerivedCursor, FrozenConnection, FrozenCursor, Slim)
    before = [dict(vars(each)) for each in classes]
    start()
    connections = []
    for factory in (Base, Derived, FrozenConnection, Slim):
        connections.append(psycopg2.connect(cluster.dsn("writer"), connection_factory=factory))
        for cursor in (BaseCursor, DerivedCursor, FrozenCursor):
            connections[-1].cursor("named", cursor_factory=cursor).close()
    assert [dict(vars(each)) for each in classes] != before
    AuroraInstrumentor().uninstrument()
    assert [dict(vars(each)) for each in classes] == before
    for connection in connections:
        run(connection, "SELECT 1")
        connection.close()


def test_a_class_that_is_made_for_one_connection_goes_with_it(agent, cluster):
    def use():
        class Own(extensions.cursor):
            pass

        connection = psycopg2.connect(cluster.dsn("writer"), cursor_factory=Own)
        run(connection, "SELECT 1")
        connection.close()
        return weakref.ref(Own)

    kept = use()
    gc.collect()
    assert kept() is None


def test_nothing_is_remembered_of_a_class_that_is_gone():
    patches = ClassPatches()

    def use():
        class Own:
            def call(self):
                """What is patched."""

        patches.set(Own, "call", lambda call: call)
        assert vars(patches) != vars(ClassPatches())

    use()
    gc.collect()
    assert vars(patches) == vars(ClassPatches())


def test_instances_that_are_not_tracked_work_as_before(start, cluster):
    plain = Suspicious(cluster.dsn("writer"))
    start()
    psycopg2.connect(cluster.dsn("writer"), connection_factory=Suspicious).close()
    assert run(plain, "SELECT 1") == [(1,)]
    assert run(Suspicious(cluster.dsn("writer")), "SELECT 1") == [(1,)]
    plain.commit()
    plain.close()


# What has no class in Python.


def test_a_type_is_equal_to_the_one_that_it_stands_for(agent, cluster):
    connection = psycopg2.connect(cluster.dsn("writer"))
    for ours, plain in (
        (type(connection), extensions.connection),
        (type(connection.cursor()), extensions.cursor),
        (type(connection.cursor("named")), extensions.cursor),
    ):
        assert ours == plain
        assert plain == ours
        assert {plain: "found"}[ours] == "found"
    assert {extensions.cursor: 1}.get(type(connection)) is None
    # A class of the application's that is derived from it is another one.
    derived = type("derived", (type(connection),), {})
    assert derived == derived  # noqa: PLR0124 - its own equality
    assert derived not in {extensions.connection, type(connection)}
    connection.close()


def test_a_cursor_of_the_bare_type_is_watched_where_it_is_asked_for(start, cluster):
    start(prune_interval=60)
    connection = psycopg2.connect(cluster.dsn("writer"))
    cursor = connection.cursor(None, extensions.cursor)
    assert shows_a_lost_connection(cluster, connection, lambda: cursor.execute("SELECT 1"))
    connection.close()


# Factories that are functions.


def test_a_factory_that_connects_by_itself_makes_one_connection(agent, cluster):
    def factory(dsn, *args, **kwargs):
        return psycopg2.connect(cluster.dsn("writer"))

    connection = psycopg2.connect("dbname=app", connection_factory=factory)
    assert agent.tracked() == agent.tracked(cluster.writer) == 1
    connection.close()
    assert agent.exported.metric("aurora.connection.opens") == 1
    assert agent.exported.metric("aurora.connection.closes") == 1


def test_a_factory_that_hands_out_a_kept_connection_makes_one_connection(agent, cluster):
    kept = []

    def factory(dsn, *args, **kwargs):
        if not kept:
            kept.append(Base(dsn))
        return kept[0]

    for _ in range(3):
        connection = psycopg2.connect(cluster.dsn("writer"), connection_factory=factory)
        assert connection is kept[0]
        run(connection, "SELECT 1")
    connection.close()
    assert agent.exported.metric("aurora.connection.opens") == 1
    assert agent.exported.metric("aurora.connection.closes") == 1


@pytest.mark.parametrize("made", [None, "a string", object()])
def test_a_factory_may_return_anything(agent, cluster, made):
    factory = lambda dsn, *args, **kwargs: made  # noqa: E731 - a function, as an application's
    assert psycopg2.connect(cluster.dsn("writer"), connection_factory=factory) is made
    assert agent.tracked() == 0
