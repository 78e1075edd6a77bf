# ruff: noqa: INP001, PLC0415 - on the path alone, and imported by every interpreter of a suite
"""Imported by every interpreter that a suite starts: switches the agent on, or leaves it out.

Spans and metrics are recorded, though they are not exported. At its end an interpreter reports what
the agent did, a line each: a run that tracked nothing, or in which the agent failed inside, says
nothing of its harmlessness.
"""

import atexit
import json
import os
from pathlib import Path


def _switch_on() -> None:
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider

    from aurora_otel import AuroraInstrumentor

    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))
    trace.set_tracer_provider(TracerProvider())
    AuroraInstrumentor().instrument()
    atexit.register(_report)


def _report() -> None:
    from aurora_otel import snapshot
    from aurora_otel.instrumentor import running_agent

    agent = running_agent()
    with agent.tracker.settled():
        books = agent.tracker.books.items()
        opened = sum(book.opens for _, book in books)
        known = sum(book.opens for group, book in books if group.instance != "unknown")
    report = {"opened": opened, "identified": known, "failures": snapshot().internal_failures}
    with Path(os.environ["COMPAT_AGENT"]).open("a") as file:
        print(json.dumps(report), file=file)


if os.environ.get("COMPAT_WITH") == "1":
    _switch_on()
