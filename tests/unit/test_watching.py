"""A watched method is called as it would be without the agent, in any form."""

from __future__ import annotations

import inspect

import pytest

from aurora_otel.drivers.common.watching import watch, watch_close
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure
from aurora_otel.runtime.shield import Shield
from aurora_otel.telemetry import log


class Cluster:
    def __init__(self, alert):
        self.alert = alert


class Track:
    def __init__(self, alert):
        self.cluster = Cluster(alert)
        self.in_flight_since = 0.0


class Hooks:
    def __init__(self):
        self.reported = []
        self.shield = Shield(log.internal_failure)

    def before_call(self, track):
        self.reported.append("before")

    def closed(self, track):
        self.reported.append("closed")

    def guarded(self, question, *args):
        return self.shield.run("ask", question, *args)

    def failed(self, track, failure, error):
        self.reported.append("failed")
        failure()


class Cursor:
    def __init__(self, *, tracked, alert):
        if tracked:
            setattr(self, ATTRIBUTE, Track(alert))

    def execute(self, *args, **kwargs):
        if "error" in args:
            raise ConnectionError
        return args, kwargs


FORMS = [
    ((), {}),
    (("query",), {}),
    ((None,), {}),
    (("query", "vars"), {}),
    ((), {"query": 1}),
    (("query",), {"vars": 2}),
    ((), {"first": 1}),
]


@pytest.fixture
def seen():
    return []


@pytest.fixture
def hooks():
    return Hooks()


@pytest.fixture
def execute(hooks, seen):
    def note(args):
        seen.append(args)
        return True

    def failure(_, error, args):
        seen.append(args)
        return Failure(None, lost=False)

    return watch(
        hooks,
        Cursor.execute,
        errors=ConnectionError,
        failure_of=failure,
        may_wait=note,
    )


CONNECTIONS = {
    "untracked": Cursor(tracked=False, alert=False),
    "healthy": Cursor(tracked=True, alert=False),
}
CONNECTIONS["alert"] = Cursor(tracked=True, alert=True)


@pytest.mark.parametrize(("args", "kwargs"), FORMS)
@pytest.mark.parametrize("connection", CONNECTIONS)
def test_arguments_arrive_as_they_were_given(execute, seen, args, kwargs, connection):
    assert execute(CONNECTIONS[connection], *args, **kwargs) == (args, kwargs)
    assert seen == ([args] if connection == "alert" else [])


@pytest.mark.parametrize("args", [("error",), ("error", "more")])
def test_an_error_is_reported_with_the_arguments_and_goes_on(execute, hooks, seen, args):
    cursor = Cursor(tracked=True, alert=False)
    with pytest.raises(ConnectionError):
        execute(cursor, *args)
    assert hooks.reported == ["failed"]
    assert seen == [args]
    assert getattr(cursor, ATTRIBUTE).in_flight_since == 0.0


class Shapes:
    def __init__(self):
        setattr(self, ATTRIBUTE, Track(alert=False))

    def none(self):
        return ()

    def defaults(self, query, params=None, *, prepare=True):
        return query, params, prepare

    def positional(self, query, /, *more, **named):
        return query, more, named

    def names_of_the_template(self, hooks, error=1, errors=2, track=3):
        return hooks, error, errors, track

    def default_of_the_template(self, x=1, default_x=2):
        return x, default_x


CALLS = [
    ("none", (), {}),
    ("defaults", ("q",), {}),
    ("defaults", ("q", [1]), {"prepare": False}),
    ("defaults", (), {"params": 2, "query": 1}),
    ("positional", ("q", 1, 2), {"query": 3}),
    ("names_of_the_template", (0,), {"errors": 5, "track": 6}),
    ("default_of_the_template", (), {"default_x": 5}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_a_method_keeps_its_own_parameters(hooks, name, args, kwargs):
    shapes, original = Shapes(), getattr(Shapes, name)
    watched = watch(hooks, original, errors=OSError, failure_of=None)
    assert watched(shapes, *args, **kwargs) == original(shapes, *args, **kwargs)
    assert inspect.signature(watched) == inspect.signature(original)


def test_wrong_arguments_are_the_same_error(hooks):
    watched = watch(hooks, Shapes.defaults, errors=OSError, failure_of=None)
    with pytest.raises(TypeError, match="query"):
        watched(Shapes())
    with pytest.raises(TypeError, match="prepared"):
        watched(Shapes(), "q", prepared=True)


def test_a_method_written_in_c_takes_the_parameters_that_it_is_said_to_have(hooks):
    class Tracked(list):
        _aurora_otel = Track(alert=False)

    like = lambda self, item, /: None  # noqa: E731 - as drivers' files write it
    watched = watch(hooks, list.append, errors=OSError, failure_of=None, like=like)
    tracked = Tracked()
    watched(tracked, 1)
    assert tracked == [1]
    with pytest.raises(TypeError):
        watched(tracked, 1, 2)


def test_a_refresh_is_decided_on_the_arguments_in_their_order(hooks):
    seen = []
    shapes = Shapes()
    getattr(shapes, ATTRIBUTE).cluster.alert = True
    watched = watch(hooks, Shapes.defaults, errors=OSError, failure_of=None, may_wait=seen.append)
    watched(shapes, params=2, query=1)
    assert seen == [(1, 2)]


class Connection:
    def __init__(self):
        setattr(self, ATTRIBUTE, Track(alert=True))
        self.is_closed = False

    def execute(self, query):
        return query

    def close(self):
        self.is_closed = True
        return "farewell"


def of_another_version(_):
    raise AttributeError("a driver's new version has no such attribute")


def test_a_connection_closes_also_if_it_is_unknown_whether_it_did(hooks):
    connection = Connection()
    assert watch_close(hooks, Connection.close, of_another_version)(connection) == "farewell"
    assert connection.is_closed
    assert hooks.reported == []
    assert hooks.shield.failures.total() == 1


def test_a_call_goes_on_also_if_it_is_unknown_whether_it_may_wait(hooks):
    watched = watch(
        hooks, Connection.execute, errors=OSError, failure_of=None, may_wait=of_another_version
    )
    assert watched(Connection(), "SELECT 1") == "SELECT 1"
    assert hooks.reported == []
    assert hooks.shield.failures.total() == 1


def test_an_error_of_an_untracked_connection_shows_no_frame_of_the_agent(execute, hooks):
    with pytest.raises(ConnectionError) as raised:
        execute(CONNECTIONS["untracked"], "error")
    assert raised.value.__context__ is None
    assert hooks.reported == []
