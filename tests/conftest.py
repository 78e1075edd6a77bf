"""What most tests need: a real cluster, a running agent, and what it exports."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import psycopg2
import pytest
from hypothesis import HealthCheck, settings
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

import aurora_otel
from aurora_otel import AuroraInstrumentor
from aurora_otel.lab import Cluster
from aurora_otel.settings import PREFIX
from tests.support import requirements, side_by_side, upstream
from tests.support.agent import Agent, Exported
from tests.support.failures import (
    EXPORTED,
    pytest_runtest_makereport,  # noqa: F401 - a hook
    record_events,
)
from tests.support.labs import as_new, create_table
from tests.support.left_behind import nothing_left_behind  # noqa: F401 - a fixture
from tests.support.side_by_side import (
    pytest_xdist_make_scheduler,  # noqa: F401 - a hook
)
from tests.support.upstream import UPSTREAM

# No credentials of a developer are found by accident, and no test asks the network for any.
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
# No test trusts what the machine trusts: some drivers would read all of it for each connection, for
# 20 ms. The key of this one was thrown away.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).parent / "support" / "authority.pem")

# The machine decides how long an example takes, and what it takes to draw one.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


@pytest.fixture(scope="session")
def lab() -> Iterator[Cluster]:
    with Cluster("lab") as cluster:
        create_table(cluster)
        yield cluster


@pytest.fixture(scope="session")
def mysql_lab() -> Iterator[Cluster]:
    with Cluster("lab", engine="mysql") as cluster:
        create_table(cluster)
        cluster.execute(cluster.writer, "GRANT FILE ON *.* TO app")
        yield cluster


@pytest.fixture
def cluster(lab: Cluster) -> Cluster:
    """A healthy cluster of three; whichever instance is the writer. It has a table `writes`."""
    return as_new(lab)


@pytest.fixture
def start(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Callable[..., Agent]]:
    """Starts the agent with these span processors and settings.

    It is stopped, and must have had no failure inside.
    """
    started = []

    def start(*processors: SpanProcessor, **settings: Any) -> Agent:
        exported = request.node.stash[EXPORTED] = Exported()
        # Its handler at exit would keep each of them, and the agent with it, until the end.
        tracers = TracerProvider(shutdown_on_exit=False)
        for processor in (SimpleSpanProcessor(exported.exporter), *processors):
            tracers.add_span_processor(processor)
        meters = MeterProvider([exported.reader], shutdown_on_exit=False)
        taught = {
            name.removeprefix(PREFIX).lower(): each for name, each in cluster.environment().items()
        }
        # A busy machine may take its time to identify a connection, and to find the writer.
        patient = {"identify_timeout": 20, "refresh_timeout": 2, "prune_interval": 0.2}
        arguments = {**taught, **patient, **settings}
        if UPSTREAM == "before":
            upstream.load(TracerProvider())
        AuroraInstrumentor().instrument(tracer_provider=tracers, meter_provider=meters, **arguments)
        if UPSTREAM == "after":
            upstream.load(TracerProvider())
        started.append(exported)
        return Agent(exported, meters)

    yield start
    failures = aurora_otel.snapshot().internal_failures
    if started:
        AuroraInstrumentor().uninstrument()
    if UPSTREAM:
        upstream.unload()
    assert failures == {}


@pytest.fixture
def agent(start: Callable[..., Agent]) -> Agent:
    """A running agent with the default settings, but for short intervals of the loop."""
    return start()


@pytest.fixture(params=["psycopg", "psycopg2"])
def driver(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def connect(driver: str) -> Callable[..., Any]:
    """The driver's public `connect`, as the module has it when the test calls it."""
    module = {"psycopg": psycopg, "psycopg2": psycopg2}[driver]
    return lambda *args, **kwargs: module.connect(*args, **kwargs)  # noqa: PLW0108 - looked up late


def pytest_configure(config: pytest.Config) -> None:
    """Record the labs' events; take Ctrl-C, which a shell's background jobs ignore."""
    for part, title in requirements.parts():
        config.addinivalue_line("markers", f"{part}: {title}, as docs/requirements.md has it")
    record_events()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    requirements.mark(items)
    side_by_side.order(items)


def pytest_collection_finish() -> None:
    """Keep the garbage collections of tests from going through what pytest has collected."""
    gc.collect()
    gc.freeze()
