"""What is added to the start of a process?"""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.bench import Bench
from benchmarks.figures import Answer, Bars, Figure, Spread

TITLE = "Start-up"

# Times OpenTelemetry's own imports.
LIMIT = 4.5

# What OpenTelemetry itself imports in an application that uses it, and the driver.
_SCRIPT = """
import json, sys, time
import psycopg
began = time.perf_counter()
import opentelemetry.sdk.trace, opentelemetry.sdk.metrics
from opentelemetry import context, metrics, trace
from opentelemetry.instrumentation import dbapi, instrumentor, utils
import opentelemetry.semconv.attributes.db_attributes
upstream = time.perf_counter()
from aurora_otel import AuroraInstrumentor
AuroraInstrumentor().instrument()
ours = time.perf_counter()
json.dump([upstream - began, ours - upstream, "boto3" in sys.modules], sys.stdout)
"""


def measure(bench: Bench) -> Answer:
    """Start processes, one after the other."""
    runs = [_start() for _ in range(bench.pick(30, 5) + 1)][1:]
    upstream, ours, boto3 = zip(*runs, strict=True)
    ratio = Spread.of([mine / theirs for mine, theirs in zip(ours, upstream, strict=True)])
    added, name = Spread.of(ours) * 1e3, "import aurora_otel and instrument()"
    figures = (
        Figure(f"{name}: of OpenTelemetry's own imports", ratio, "times", LIMIT),
        Figure(name, added, "ms"),
        Figure("boto3 imported", Spread.of([float(sum(boto3))]), "times", 0.0),
    )
    bars = {"OpenTelemetry's own": Spread.of(upstream) * 1e3, "aurora_otel": added}
    return Answer(figures, Bars("ms", bars))


def _start() -> tuple[float, float, bool]:
    command = [sys.executable, "-c", _SCRIPT]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
    upstream, ours, boto3 = json.loads(done.stdout)
    return upstream, ours, boto3
