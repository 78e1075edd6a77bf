from dataclasses import replace

import pytest

from aurora_otel.demo.recording import Outcome
from aurora_otel.lab import Failover
from tests.demo.runs import hung, result, sample, with_agent, without, write


def pytest_configure(config):
    config.addinivalue_line("markers", "demo: runs the whole demo, which takes about half a minute")


@pytest.fixture(scope="session")
def whole():
    """A result in which nothing that a page can show is missing."""
    calls = [
        write("writer-2", 12, 12.1, Outcome.REFUSED, error="ReadOnlySqlTransaction 25006: <no>"),
        write("writer-2", 12.2, 12.3, Outcome.CLOSED, connection=2, error="OperationalError"),
        write("fresh", 20.5, 20.6, Outcome.FAILED, error="OperationalError: again & again"),  # late
    ]
    stuck = write("idle-3", 10.2, 19.9, Outcome.IN_FLIGHT)
    third = replace(hung(), samples=(sample(10, 20), sample(13, 0)))
    return result(
        Failover.HANG,
        without=replace(without(), in_flight=(stuck,)),
        with_agent=with_agent(*calls),
        every_thread_hung=third,
    )
