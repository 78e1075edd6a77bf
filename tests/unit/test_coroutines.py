"""On an event loop the agent does what it does in a thread, and never blocks the loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

import aurora_otel
from aurora_otel import AuroraInstrumentor
from aurora_otel.instrumentor import running_agent
from aurora_otel.model.endpoints import Address
from aurora_otel.runtime import coroutines
from aurora_otel.runtime.effects import Ask, Pause, Reconnect, Wait
from aurora_otel.runtime.gate import Gate
from tests.support.asyncio_driver import ToyError, connect, fleet
from tests.support.waiting import eventually

FOR_EVER = 60.0


@pytest.fixture
def instances():
    with fleet("a", "b") as made:
        yield made


@pytest.fixture
def hooks(instances):
    AuroraInstrumentor().instrument(
        instance_endpoints=instances.instance_endpoints,
        rds_api="off",
        identify_timeout=FOR_EVER,
        refresh_timeout=FOR_EVER,
    )
    yield running_agent().hooks
    instances.answering.set()
    failures = aurora_otel.snapshot().internal_failures
    AuroraInstrumentor().uninstrument()
    assert failures == {}


@pytest.fixture
def address(instances):
    # A name that identifies no instance: the server behind it has to be asked.
    return Address("localhost", instances.port("a"))


def tracked():
    """Return by instance how many connections are open."""
    return {
        each.id: sum(each.connections.values())
        for cluster in aurora_otel.snapshot().clusters
        for each in cluster.instances
        if each.connections
    }


async def until(holds):
    while not holds():  # noqa: ASYNC110 - what holds is seen on other threads
        await asyncio.sleep(0.001)


def test_a_driver_for_an_event_loop_goes_through_opening_error_and_checkout(
    hooks, instances, address
):
    async def application():
        held = [await connect(hooks, address) for _ in range(3)]
        assert tracked() == {"a": 3}
        assert await held[0].execute("WRITE") == []
        assert await held[0].check_out()

        instances.writer = "b"
        instances.answering.clear()
        asked = sum(instances.asked.values())
        refused = asyncio.create_task(held[0].execute("WRITE"))
        # The refused call waits for a verdict, whose answer waits for this coroutine.
        await until(lambda: sum(instances.asked.values()) > asked)
        assert not refused.done()
        instances.answering.set()
        with pytest.raises(ToyError, match="READ_ONLY"):
            await refused

        for connection in held:
            assert not await connection.check_out()
        with pytest.raises(ToyError, match="LOST"):
            await held[1].execute("READ")
        fresh = await connect(hooks, Address("localhost", instances.port("b")))
        assert await fresh.check_out()
        assert await fresh.execute("WRITE") == []
        assert tracked() == {"b": 1}
        for connection in (*held, fresh):
            connection.close()

    asyncio.run(application())


def test_a_connection_whose_opening_is_cancelled_is_left_behind_nowhere(hooks, instances, address):
    async def application():
        instances.answering.clear()
        opening = asyncio.create_task(connect(hooks, address))
        await until(lambda: instances.asked["a"])
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        instances.answering.set()
        await until(lambda: instances.sessions == 0)

    asyncio.run(application())
    assert tracked() == {}


def test_a_call_that_waits_for_a_verdict_can_be_cancelled(hooks, instances, address):
    async def application():
        connection = await connect(hooks, address)
        instances.writer = "b"
        instances.answering.clear()
        asked = sum(instances.asked.values())
        call = asyncio.create_task(connection.execute("WRITE"))
        await until(lambda: sum(instances.asked.values()) > asked)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        # The refresh goes on by itself.
        instances.answering.set()
        await until(lambda: tracked() == {})
        connection.close()

    asyncio.run(application())


def test_a_late_connection_is_not_given_to_who_has_gone(hooks, instances, address):
    made = []

    async def application():
        instances.answering.clear()
        made.append(asyncio.create_task(connect(hooks, address)))
        await until(lambda: instances.asked["a"])

    # The loop ends while the question is unanswered, and cancels what it runs.
    asyncio.run(application())
    assert made[0].cancelled()
    instances.answering.set()
    eventually(lambda: instances.sessions == 0)


# The runner by itself.


def steps(*effects):
    """Wait for `effects`; return what came of them."""
    outcomes = []
    for effect in effects:
        outcome = yield effect
        outcomes.append(outcome)
    return outcomes


def test_a_gate_is_waited_for_until_a_thread_opens_it():
    gate = Gate()

    async def application():
        waiting = asyncio.create_task(coroutines.run(steps(Wait(gate, FOR_EVER))))
        await asyncio.sleep(0)
        threading.Thread(target=gate.open).start()
        return await waiting

    assert asyncio.run(application()) == [True]


def test_a_gate_that_is_open_already_is_not_waited_for():
    gate = Gate()
    gate.open()
    assert asyncio.run(coroutines.run(steps(Wait(gate, FOR_EVER)))) == [True]


def test_a_gate_that_stays_closed_is_waited_for_in_time_only():
    assert asyncio.run(coroutines.run(steps(Wait(Gate(), 0.01), Pause(0.01)))) == [False, None]


def test_no_gate_is_waited_for_where_nothing_may_wait_and_only_there():
    async def application():
        hurried = await coroutines.without_waiting(coroutines.run(steps(Wait(Gate(), FOR_EVER))))
        return hurried + await coroutines.run(steps(Wait(opened, FOR_EVER)))

    opened = Gate()
    opened.open()
    assert asyncio.run(application()) == [False, True]


def test_a_gate_may_be_opened_when_its_loop_has_ended():
    gate = Gate()
    asyncio.run(coroutines.run(steps(Wait(gate, 0.0))))
    gate.open()


def test_what_an_effect_raises_is_raised_in_the_steps():
    async def fail(*_):
        raise LookupError

    def asking():
        for effect in (Ask(fail, None, "", 1.0), Reconnect(fail)):
            with pytest.raises(LookupError):
                yield effect
        return "on"

    assert asyncio.run(coroutines.run(asking())) == "on"
