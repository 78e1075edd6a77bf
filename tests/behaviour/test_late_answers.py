"""An answer of psycopg's that came while the process was held up costs no connection."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest
from psycopg import waiting

from aurora_otel.drivers.common import psycopg_answers

TIMEOUT = 0.1
# More than a first read brings.
LONG = "SELECT repeat('x', 20000)"


def held_up(generator):
    """Pass a wait of psycopg's on to a generator only once its time is over."""
    state = next(generator)
    try:
        while True:
            ready = yield state
            time.sleep(2 * TIMEOUT)
            state = generator.send(ready)
    except StopIteration as end:
        return end.value


@pytest.fixture
def slow_process(monkeypatch):
    wait, wait_async = waiting.wait, waiting.wait_async
    monkeypatch.setattr(waiting, "wait", lambda it, *args, **how: wait(held_up(it), *args, **how))
    monkeypatch.setattr(
        waiting, "wait_async", lambda it, *args, **how: wait_async(held_up(it), *args, **how)
    )
    return monkeypatch


def asked(cluster, statement, patched):
    with psycopg.connect(cluster.dsn("writer")) as connection:
        try:
            return psycopg_answers.ask(connection, statement, TIMEOUT), connection.closed
        except psycopg_answers.UnfinishedError:
            return None, connection.closed
        finally:
            patched.undo()


def asked_on_loop(cluster, statement, patched):
    async def ask():
        connection = await psycopg.AsyncConnection.connect(cluster.dsn("writer"))
        try:
            rows = await psycopg_answers.ask_on_loop(connection, statement, TIMEOUT)
        except psycopg_answers.UnfinishedError:
            rows = None
        closed = connection.closed
        patched.undo()
        await connection.close()
        return rows, closed

    return asyncio.run(ask())


@pytest.mark.parametrize("ask", [asked, asked_on_loop])
def test_an_answer_that_is_there_is_read_however_late_it_is_seen(cluster, slow_process, ask):
    assert ask(cluster, "SELECT 1", slow_process) == ([["1"]], False)


@pytest.mark.parametrize("ask", [asked, asked_on_loop])
def test_one_of_which_a_part_is_there_costs_the_connection(cluster, slow_process, ask):
    assert ask(cluster, LONG, slow_process) == (None, True)
