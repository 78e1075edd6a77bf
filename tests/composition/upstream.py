"""OpenTelemetry's own instrumentations of the drivers, beside ours."""

from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor

INSTRUMENTORS = (PsycopgInstrumentor, Psycopg2Instrumentor)


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
