"""How much memory does a process take with the agent in it?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aurora_otel.lab import Cluster
from benchmarks import fresh
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.holding import DRIVERS, MYSQL, POSTGRESQL, hold

TITLE = "Memory of a process"

TRACKED = 1_000
# Times what OpenTelemetry's own modules take.
LIMIT = 1.5
# Connections of each driver.
HELD = 20

_NOTES = f"""\
What each step adds to a process: its share of resident memory (PSS), from an empty interpreter on.
A package that another one has loaded already adds little of its own. `boto3` is loaded only where
the RDS API is asked.

Beside each driver: how much more a process takes with the agent than without it, once it is
instrumented, and once it holds {HELD} connections to a writer. Both have loaded OpenTelemetry's
modules and the driver before."""

# What each step adds, in the order in which a process comes to it.
_SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from benchmarks.resident import resident

def step(name):
    global before
    now = resident()
    taken.append((name, now - before))
    before = now

taken, before = [], 0
step("CPython")
import psycopg
step("psycopg")
import opentelemetry.metrics, opentelemetry.trace, opentelemetry.propagate
step("opentelemetry-api")
import opentelemetry.sdk.metrics, opentelemetry.sdk.trace
step("opentelemetry-sdk")
from opentelemetry.instrumentation import dbapi, instrumentor, utils
step("opentelemetry-instrumentation")
import opentelemetry.semconv.attributes.db_attributes
import opentelemetry.semconv.attributes.network_attributes
import opentelemetry.semconv.attributes.server_attributes
step("opentelemetry-semantic-conventions")
import wrapt
step("wrapt")
from aurora_otel import AuroraInstrumentor
AuroraInstrumentor().instrument()
step("aurora-otel, instrumented")
from benchmarks import null
from aurora_otel.instrumentor import running_agent
connections = [null.Connection("lab-1") for _ in range(int(sys.argv[2]))]
for connection in connections:
    connection.other = None
resident()
before = resident()
for connection in connections:
    null.track(running_agent(), connection)
running_agent().tracker.drain()
step("aurora-otel, " + sys.argv[2] + " connections tracked")
json.dump(taken, sys.stdout)
"""


def measure(bench: Bench) -> Answer:
    """Start processes, and see what each step adds to what is theirs of the memory."""
    # The first one compiles.
    runs = [_steps() for _ in range(bench.pick(9, 3) + 1)][1:]
    taken = {name: Spread.of([run[name] / 1024 for run in runs]) for name in runs[0]}
    ours = next(name for name in taken if name.startswith("aurora-otel"))
    theirs = sum(each.middle for name, each in taken.items() if name.startswith("opentelemetry"))
    figures = (
        Figure("the agent: of OpenTelemetry's own", taken[ours] * (1 / theirs), "times", LIMIT),
        *(Figure(name, each, "MiB") for name, each in taken.items()),
    )
    bars = {name: each for name, each in taken.items() if name != "CPython"}
    return Answer((*figures, *_by_driver(bench)), Bars("MiB", bars), _NOTES)


def _by_driver(bench: Bench) -> Iterator[Figure]:
    """Compare processes that hold connections, with the agent and without it, in turn."""
    names = ("psycopg2",) if bench.quick else tuple(DRIVERS)
    with contextlib.ExitStack() as stack:
        clusters = {POSTGRESQL: bench.cluster}
        if any(DRIVERS[name].engine == MYSQL for name in names):
            clusters[MYSQL] = stack.enter_context(Cluster("mysql", engine=MYSQL))
        for name in names:
            cluster = clusters[DRIVERS[name].engine]
            turns = [
                [hold(name, cluster, HELD, is_ours=is_ours) for is_ours in (True, False)]
                for _ in range(bench.pick(2, 1))
            ]
            started = [ours.started - plain.started for ours, plain in turns]
            connected = [ours.connected - plain.connected for ours, plain in turns]
            yield Figure(f"the agent beside {name}, started", Spread.of(started), "MiB")
            title = f"the agent beside {name}, {HELD} connections"
            yield Figure(title, Spread.of(connected), "MiB")


def _steps() -> dict[str, float]:
    return dict(fresh.run(_SCRIPT, str(fresh.ROOT), str(TRACKED)))
