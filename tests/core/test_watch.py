"""A watched method is called as it would be without us, in whatever form."""

from __future__ import annotations

from operator import attrgetter

import pytest

from aurora_otel.drivers.patching import watch
from aurora_otel.drivers.protocol import ATTRIBUTE, Failure


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

    def before_call(self, track):
        self.reported.append("before")

    def failed(self, track, failure):
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
        track_of=attrgetter(ATTRIBUTE),
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
