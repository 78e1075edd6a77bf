"""What is added to the start of a process?"""

from __future__ import annotations

from benchmarks import fresh
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Bars, Figure, Spread

TITLE = "Start-up"

# Times OpenTelemetry's own imports: a quarter more modules, each of which may take as much; and a
# tenth for what differs from machine to machine.
LIMIT = 1.4

# What OpenTelemetry itself imports in an application that uses it, and the driver.
_SCRIPT = """
import json, sys, time
import psycopg
before = len(sys.modules)
began = time.process_time()
import opentelemetry.sdk.trace, opentelemetry.sdk.metrics
from opentelemetry import context, metrics, trace
from opentelemetry.instrumentation import dbapi, instrumentor, utils
import opentelemetry.semconv.attributes.db_attributes
upstream = time.process_time()
between = len(sys.modules)
from aurora_otel import AuroraInstrumentor
AuroraInstrumentor().instrument()
ours = time.process_time()
json.dump(
    [
        upstream - began,
        ours - upstream,
        between - before,
        len(sys.modules) - between,
        "boto3" in sys.modules,
    ],
    sys.stdout,
)
"""

_NOTES = """\
The time is the processor's. Everything is imported from bytecode, as where `pip` has installed it.
Out of a checkout whose bytecode cannot be written (`PYTHONDONTWRITEBYTECODE`), the agent takes
longer, because each module is compiled at each start. A module of the agent takes about
as long as one of OpenTelemetry's: what is added goes by how many there are. Drivers' files are
imported with their driver, `boto3` where the RDS API is asked, and what is for people (`aurora-otel
doctor` and the like) not at all."""


def measure(bench: Bench) -> Answer:
    """Start processes, one after the other."""
    # The first one compiles.
    runs = [fresh.run(_SCRIPT) for _ in range(bench.pick(30, 5) + 1)][1:]
    upstream, ours, their_modules, our_modules, boto3 = zip(*runs, strict=True)
    ratio = Spread.of([mine / theirs for mine, theirs in zip(ours, upstream, strict=True)])
    added, name = Spread.of(ours) * 1e3, "import aurora_otel and instrument()"
    figures = (
        Figure(f"{name}: of OpenTelemetry's own imports", ratio, "times", LIMIT),
        Figure(name, added, "ms"),
        Figure("OpenTelemetry's own imports", Spread.of(upstream) * 1e3, "ms"),
        Figure("modules of the agent", Spread.of(our_modules), ""),
        Figure("modules of OpenTelemetry", Spread.of(their_modules), ""),
        Figure("boto3 imported", Spread.of([float(sum(boto3))]), "", 0.0),
    )
    bars = {"OpenTelemetry's own": Spread.of(upstream) * 1e3, "aurora_otel": added}
    return Answer(figures, Bars("ms", bars), _NOTES)
