"""OpenTelemetry's own instrumentations of the drivers, beside ours."""

import psycopg
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor

INSTRUMENTORS = (PsycopgInstrumentor, Psycopg2Instrumentor)
# Upstream's `unwrap` leaves a method bound to the base class in the place of each class method, so
# that `Subclass.connect()` returns no `Subclass` from then on.
CLASSES = (psycopg.Connection, psycopg.AsyncConnection)
CONNECT = [vars(each)["connect"] for each in CLASSES]


def load(tracers=None):
    """Instrument both drivers, unless they are."""
    for instrumentor in INSTRUMENTORS:
        if not instrumentor().is_instrumented_by_opentelemetry:
            instrumentor().instrument(tracer_provider=tracers)


def unload():
    """Take the instrumentations off, where they are on."""
    for instrumentor in INSTRUMENTORS:
        if instrumentor().is_instrumented_by_opentelemetry:
            instrumentor().uninstrument()
    for each, connect in zip(CLASSES, CONNECT, strict=True):
        each.connect = connect
