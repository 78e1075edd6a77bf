import psycopg
import psycopg2
import pytest
from opentelemetry.instrumentation.dbapi import DatabaseApiIntegration
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests import conftest
from tests.composition import upstream


@pytest.fixture(autouse=True)
def _only_without_the_option():
    if conftest.UPSTREAM:
        pytest.skip("these tests load upstream's instrumentations themselves")


class Queries:
    """Upstream's instrumentations, and the spans that they and the application make."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))

    def load(self):
        upstream.load(self.tracers)

    def unload(self):
        upstream.unload()

    def take(self):
        """The spans since the last call."""
        spans = self._exporter.get_finished_spans()
        self._exporter.clear()
        return spans


@pytest.fixture
def queries():
    queries = Queries()
    yield queries
    queries.unload()


class Pair:
    """Ours and upstream's instrumentations, loaded in one order."""

    def __init__(self, queries, start, order):
        self.queries = queries
        if order == "upstream before ours":
            queries.load()
        self.agent = start()
        if order == "upstream after ours":
            queries.load()


@pytest.fixture(params=["upstream before ours", "upstream after ours"])
def order(request):
    return request.param


@pytest.fixture
def pair(queries, start, order):
    return Pair(queries, start, order)


@pytest.fixture
def originals():
    """Tells whether the drivers and upstream's common part have again what they have now."""
    owners = (psycopg, psycopg.Connection, psycopg2, DatabaseApiIntegration)
    before = [dict(vars(owner)) for owner in owners]
    return lambda: all(
        vars(owner).keys() == was.keys() and all(vars(owner)[name] is was[name] for name in was)
        for owner, was in zip(owners, before, strict=True)
    )
