"""Code of the application's that exports or logs, and blocks, holds up nothing of the agent's."""

import logging
import threading

import pytest
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

import aurora_otel
from aurora_otel.lab import Failover
from tests.support.sql import READ_ONLY, refused_write, run, sqlstate, write
from tests.support.waiting import eventually


class Blockage:
    """Where the application's code blocks, until the test lets it go on."""

    def __init__(self):
        self.is_over = False
        self._go_on = threading.Event()
        self._begun = threading.Event()

    @property
    def is_under_way(self):
        return self._begun.is_set() and not self.is_over

    def block(self):
        self._begun.set()
        self._go_on.wait(60)
        self.is_over = True

    def block_at(self, span):
        # A connect's own span is exported in the application's thread, where it may wait.
        if span.name != "track connection":
            self.block()

    def begins(self):
        return self._begun.wait(30)

    def end(self):
        self._go_on.set()


class Exporter(SpanExporter):
    def __init__(self, blockage):
        self._blockage = blockage

    def export(self, spans):
        for span in spans:
            self._blockage.block_at(span)
        return SpanExportResult.SUCCESS


class Processor(SpanProcessor):
    def __init__(self, blockage):
        self._blockage = blockage

    def on_start(self, span, parent_context=None):
        self._blockage.block_at(span)


class Handler(logging.Handler):
    def __init__(self, blockage):
        super().__init__()
        self._blockage = blockage

    def emit(self, record):
        self._blockage.block()


@pytest.fixture
def blockage():
    blockage = Blockage()
    yield blockage
    blockage.end()


@pytest.fixture(params=["span exporter", "span processor", "log handler"])
def blocked(request, start, blockage):
    """A running agent whose application blocks, for longer than any call may wait, there."""
    settings = {"refresh_timeout": 50}
    if request.param == "span exporter":
        yield start(SimpleSpanProcessor(Exporter(blockage)), **settings)
    elif request.param == "span processor":
        yield start(Processor(blockage), **settings)
    else:
        handler = Handler(blockage)
        logger = logging.getLogger("aurora_otel")
        logger.addHandler(handler)
        yield start(**settings)
        logger.removeHandler(handler)
    blockage.end()


def failovers():
    (cluster,) = aurora_otel.snapshot().clusters
    return cluster.failovers


def test_a_failover_is_cleaned_up_and_so_is_the_next(blocked, blockage, cluster, connect):
    for number in (1, 2):
        held = [connect(cluster.dsn("writer")) for _ in range(3)]
        for connection in held:
            write(connection)
        old = cluster.failover(Failover.SWITCHOVER).old_writer
        # The call that sees it waits for the clean-up, and for nothing else.
        assert sqlstate(refused_write(held[0])) == READ_ONLY
        assert failovers() == number
        assert blocked.tracked(old) == 0
        assert blockage.begins()
        assert blockage.is_under_way
    fresh = connect(cluster.dsn("writer"))
    write(fresh)
    assert blockage.is_under_way
    blockage.end()
    assert len(blocked.exported.spans("failover")) == 2
    fresh.close()


def test_the_background_loop_goes_on(blocked, blockage, cluster, connect):
    held = connect(cluster.dsn("writer"))
    cluster.failover(Failover.SWITCHOVER)
    assert sqlstate(refused_write(held)) == READ_ONLY
    assert blockage.begins()
    idle = connect(cluster.dsn("writer"))
    assert blocked.tracked() == 1
    idle.close()
    leaked = connect(cluster.dsn("writer"))
    run(leaked, "SELECT 1")
    del leaked
    eventually(lambda: blocked.tracked() == 0)
    assert blockage.is_under_way


def test_uninstrument_waits_for_it_no_longer_than_it_says(start, blockage, cluster, connect):
    start(Processor(blockage))
    held = connect(cluster.dsn("writer"))
    cluster.failover(Failover.SWITCHOVER)
    refused_write(held)
    assert blockage.begins()
    aurora_otel.AuroraInstrumentor().uninstrument()
    assert blockage.is_under_way
    assert not aurora_otel.snapshot().active
