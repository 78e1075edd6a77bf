"""An application that carries out commands, one JSON line each; plain psycopg and psycopg2.

Run by the tests under `opentelemetry-instrument`. Each command is carried out in a span of its own;
the answer names it, and the type of the error that the driver raised, if it raised one.
"""

import gc
import json
import logging
import sys
import threading
import time

import psycopg
import psycopg2
import psycopg_pool
from opentelemetry import trace

import aurora_otel
import aurora_otel.drivers.psycopg
from aurora_otel.drivers.marks import track_of

DRIVERS = {"psycopg": psycopg, "psycopg2": psycopg2}
tracer = trace.get_tracer("the.application")
connections = {}
threads = {}
pools = {}
held = []


def connect(names, dsn, driver="psycopg"):
    for name in names:
        connections[name] = DRIVERS[driver].connect(dsn)
        connections[name].autocommit = True


def write(name):
    connections[name].cursor().execute("INSERT INTO writes (x) VALUES ('x')")


def write_in_a_read_only_transaction(name):
    connections[name].cursor().execute("SET default_transaction_read_only = on")
    try:
        write(name)
    finally:
        connections[name].cursor().execute("SET default_transaction_read_only = off")


def churn(dsn):
    """Open, lose and close connections while metrics are exported."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        for driver in DRIVERS.values():
            kept, lost = driver.connect(dsn), driver.connect(dsn)
            del lost
            kept.close()


def close(names):
    for name in names:
        connections.pop(name).close()


def leak(name):
    del connections[name]
    gc.collect()


def give_up(name):
    connections[name].pgconn.finish()


def backend(name):
    return connections[name].info.backend_pid


def hide_the_socket(name):
    # As with a driver whose connection shows none.
    track_of(connections[name]).socket = None


def get_stuck(name):
    outcome = threads[name, "outcome"] = []

    def call():
        try:
            connections[name].cursor().execute("SELECT pg_sleep(100)")
        except (psycopg.Error, psycopg2.Error) as error:
            outcome.append(type(error).__name__)

    threads[name] = threading.Thread(target=call, daemon=True)
    threads[name].start()


def join(name):
    threads[name].join(20)
    return threads[name, "outcome"]


def open_pool(name, dsn):
    options = {"autocommit": True}
    pools[name] = psycopg_pool.ConnectionPool(
        dsn, kwargs=options, min_size=2, max_size=2, timeout=30, name=name
    )
    pools[name].wait()


def write_with_pool(name):
    with pools[name].connection() as connection:
        connection.execute("INSERT INTO writes (x) VALUES ('x')")


def exhaust_pool(name):
    """Hold all of its connections; one caller waits for one, and another waits in vain."""
    pool = pools[name]
    held.extend(pool.getconn() for _ in range(2))
    threads[name] = threading.Thread(target=write_with_pool, args=[name], daemon=True)
    threads[name].start()
    try:
        pool.getconn(timeout=0.1)
    except psycopg_pool.PoolTimeout as error:
        return type(error).__name__


def release_pool(name):
    while held:
        pools[name].putconn(held.pop())
    threads[name].join(20)


def close_pool(name):
    pools.pop(name).close()


def snapshot():
    return str(aurora_otel.snapshot())


def instrument(**settings):
    aurora_otel.AuroraInstrumentor().instrument(**settings)


def break_the_agent(secret):
    def broken(*_):
        raise LookupError(secret)

    aurora_otel.drivers.psycopg.Adapter.fileno = broken


COMMANDS = [
    connect,
    write,
    write_in_a_read_only_transaction,
    churn,
    close,
    leak,
    give_up,
    backend,
    hide_the_socket,
    get_stuck,
    join,
    open_pool,
    write_with_pool,
    exhaust_pool,
    release_pool,
    close_pool,
    snapshot,
    instrument,
    break_the_agent,
]


def carry_out(command, arguments):
    with tracer.start_as_current_span(command.__name__) as span:
        answer = {"span": f"{span.get_span_context().span_id:016x}", "error": None, "result": None}
        try:
            answer["result"] = command(**arguments)
        except (psycopg.Error, psycopg2.Error, ValueError) as error:
            answer |= {"error": type(error).__name__, "message": str(error)}
    return answer


if __name__ == "__main__":
    logging.getLogger("aurora_otel").setLevel(logging.DEBUG)
    commands = {command.__name__: command for command in COMMANDS}
    for line in sys.stdin:
        arguments = json.loads(line)
        answer = carry_out(commands[arguments.pop("do")], arguments)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
