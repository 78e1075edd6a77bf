"""OpenTelemetry's own instrumentations of the drivers, beside the agent's."""

import os
from importlib import import_module

import psycopg
import pytest

# TEST_BESIDE_UPSTREAM=before|after runs the same tests beside upstream's instrumentations of the
# drivers, loaded before or after the agent's: `make test-upstream`.
UPSTREAM = os.environ.get("TEST_BESIDE_UPSTREAM", "")
if UPSTREAM not in ("", "before", "after"):
    raise pytest.UsageError(f"TEST_BESIDE_UPSTREAM is before or after; got {UPSTREAM!r}")

INSTRUMENTORS = {
    "mysql": "MySQLInstrumentor",
    "mysqlclient": "MySQLClientInstrumentor",
    "psycopg": "PsycopgInstrumentor",
    "psycopg2": "Psycopg2Instrumentor",
    "pymysql": "PyMySQLInstrumentor",
}
# Upstream's `unwrap` leaves a method bound to the base class in the place of each class method, so
# that `Subclass.connect()` returns no `Subclass` from then on.
CLASSES = (psycopg.Connection, psycopg.AsyncConnection)
CONNECT = [vars(each)["connect"] for each in CLASSES]


def instrumentors():
    """Each instrumentation, and with it its driver, is imported when it is used first."""
    for name, instrumentor in INSTRUMENTORS.items():
        module = import_module(f"opentelemetry.instrumentation.{name}")
        yield getattr(module, instrumentor)()


def load(tracers=None):
    """Instrument the drivers, unless they are."""
    for instrumentor in instrumentors():
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(tracer_provider=tracers)


def unload():
    """Take the instrumentations off, where they are on."""
    for instrumentor in instrumentors():
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()
    for each, connect in zip(CLASSES, CONNECT, strict=True):
        each.connect = connect
