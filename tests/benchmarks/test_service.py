"""The service of `docs/service.md`, for a shorter time."""

import pytest

from benchmarks import service


@pytest.mark.timeout(300)
def test_a_service_fails_on_without_the_agent_and_not_with_it(cluster):
    short = {"before": 1.0, "after": 2.0}
    without = service.measure(cluster, instrumented=False, **short)
    cluster.heal()
    with_agent = service.measure(cluster, instrumented=True, **short)
    # Each thread may have one write refused.
    most = service.WORKERS * service.THREADS
    assert with_agent.failed <= most < without.failed
    assert with_agent.requests > with_agent.failed
