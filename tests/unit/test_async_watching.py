"""A watched coroutine function is awaited as it would be without the agent, however it ends."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from aurora_otel.drivers.common.async_watching import is_gone, watch
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure
from aurora_otel.runtime.effects import Pause


class Cluster:
    alert = False


class Track:
    def __init__(self):
        self.cluster = Cluster()
        self.in_flight_since = 0.0


class Hooks:
    """Notes what is reported, and whether the track was in flight then."""

    def __init__(self):
        self.reported = []

    def before_call_steps(self, track):
        yield Pause(0.0)
        self.reported.append("before")

    def failed_steps(self, track, failure_of, error):
        self.reported.append(("failed", failure_of(), bool(track.in_flight_since)))
        yield Pause(0.0)

    def given_up(self, track, since):
        self.reported.append("given up")

    def closed(self, track):
        self.reported.append("closed")

    def guarded(self, question, *args):
        return question(*args)


class Connection:
    """Its calls end when they are let; a cancelled one goes on until then."""

    def __init__(self):
        setattr(self, ATTRIBUTE, Track())
        self.is_closed = False
        self.is_ending = False
        self.error = None
        self.answered = asyncio.Event()

    @property
    def track(self):
        return getattr(self, ATTRIBUTE)

    async def execute(self, query, /, *more, limit=1, **named):
        try:
            await self.answered.wait()
        except asyncio.CancelledError:
            self.is_ending = True
            raise
        if self.error is not None:
            raise self.error
        return query, more, limit, named


@pytest.fixture
def hooks():
    return Hooks()


@pytest.fixture
def execute(hooks):
    return watch(
        hooks,
        Connection.execute,
        errors=(ConnectionError, OSError),
        failure_of=lambda connection, error, args: Failure(None, lost=connection.is_closed),
        is_ending=lambda connection: connection.is_ending,
        is_over=lambda connection: connection.is_closed,
    )


async def until(holds):
    while not holds():  # noqa: ASYNC110 - what holds is no event
        await asyncio.sleep(0.001)


def test_a_call_is_in_flight_until_its_answer_has_come(hooks, execute):
    async def application():
        connection = Connection()
        call = asyncio.create_task(execute(connection, "q", 1, limit=2, x=3))
        await until(lambda: connection.track.in_flight_since)
        connection.answered.set()
        assert await call == ("q", (1,), 2, {"x": 3})
        assert connection.track.in_flight_since == 0.0

    asyncio.run(application())
    assert hooks.reported == []
    assert inspect.iscoroutinefunction(execute)
    assert inspect.signature(execute) == inspect.signature(Connection.execute)


def test_what_is_not_tracked_is_passed_on(hooks, execute):
    async def application():
        connection = Connection()
        delattr(connection, ATTRIBUTE)
        connection.answered.set()
        assert await execute(connection, "q") == ("q", (), 1, {})

    asyncio.run(application())
    assert hooks.reported == []


def test_a_call_in_a_window_waits_first(hooks, execute):
    async def application():
        connection = Connection()
        connection.track.cluster.alert = True
        connection.answered.set()
        await execute(connection, "q")

    asyncio.run(application())
    assert hooks.reported == ["before"]


@pytest.mark.parametrize("closed", [False, True])
def test_an_error_is_reported_once_nothing_is_in_flight(hooks, execute, closed):
    async def application():
        connection = Connection()
        connection.error, connection.is_closed = ConnectionError(), closed
        connection.answered.set()
        with pytest.raises(ConnectionError):
            await execute(connection, "q")
        assert connection.track.in_flight_since == 0.0

    asyncio.run(application())
    failed = ("failed", Failure(None, lost=closed), False)
    assert hooks.reported == ([failed, "closed"] if closed else [failed])


@pytest.mark.parametrize("error", [TimeoutError, asyncio.TimeoutError])
def test_a_time_out_is_no_error_of_the_servers(hooks, execute, error):
    async def application():
        connection = Connection()
        connection.error = error()
        connection.answered.set()
        with pytest.raises(error):
            await execute(connection, "q")
        assert connection.track.in_flight_since == 0.0

    asyncio.run(application())
    assert hooks.reported == ["given up"]


def test_a_cancelled_call_is_in_flight_until_it_has_ended(hooks, execute):
    async def application():
        connection = Connection()
        call = asyncio.create_task(execute(connection, "q"))
        await until(lambda: connection.track.in_flight_since)
        began = connection.track.in_flight_since
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(0.05)
        assert connection.track.in_flight_since == began
        connection.is_ending = False
        await until(lambda: connection.track.in_flight_since == 0.0)

    asyncio.run(application())
    assert hooks.reported == ["given up"]


def test_a_cancelled_call_ends_with_its_connection_and_leaves_no_timer(execute):
    async def application():
        connection = Connection()
        call = asyncio.create_task(execute(connection, "q"))
        await until(lambda: connection.track.in_flight_since)
        call.cancel()
        await asyncio.wait([call])
        attributes = set(vars(connection))
        is_gone(connection.track, connection)
        assert connection.track.in_flight_since == 0.0
        assert len(attributes - set(vars(connection))) == 1
        timers = asyncio.get_running_loop()._scheduled
        assert [each for each in timers if not each.cancelled()] == []

    asyncio.run(application())


def test_the_call_after_a_cancelled_one_has_a_mark_of_its_own(execute):
    async def application():
        connection = Connection()
        cancelled = asyncio.create_task(execute(connection, "q"))
        await until(lambda: connection.track.in_flight_since)
        began = connection.track.in_flight_since
        cancelled.cancel()
        await asyncio.wait([cancelled])
        following = asyncio.create_task(execute(connection, "q"))
        await until(lambda: connection.track.in_flight_since != began)
        connection.is_ending = False
        await asyncio.sleep(0.05)
        assert connection.track.in_flight_since > began
        connection.answered.set()
        await following
        assert connection.track.in_flight_since == 0.0

    asyncio.run(application())


def test_a_second_call_at_a_time_leaves_the_mark_of_the_first(execute):
    async def application():
        connection = Connection()
        first = asyncio.create_task(execute(connection, "q"))
        await until(lambda: connection.track.in_flight_since)
        began = connection.track.in_flight_since
        second = asyncio.create_task(execute(connection, "q"))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
        assert connection.track.in_flight_since == began
        connection.answered.set()
        await first
        assert connection.track.in_flight_since == 0.0

    asyncio.run(application())
