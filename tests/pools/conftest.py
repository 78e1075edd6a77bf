"""Pools on real clusters."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from aurora_otel.lab import Cluster
from tests.support.labs import as_new
from tests.support.names import _resolved  # noqa: F401 - a fixture
from tests.support.pools.cases import Case
from tests.support.pools.libraries import PoolUnderTest


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """A healthy cluster of the driver's engine; of PostgreSQL where there is no case."""
    case = request.getfixturevalue("case") if "case" in request.fixturenames else None
    lab: Cluster = request.getfixturevalue(case.driver.engine.lab if case else "lab")
    return as_new(lab)


@pytest.fixture
def open_pool(case: Case, cluster: Cluster) -> Iterator[Callable[[], PoolUnderTest]]:
    """Return what opens a pool that is closed after the test."""
    with contextlib.ExitStack() as stack:

        def open_pool() -> PoolUnderTest:
            pool = case.kind.open(case.driver, cluster)
            stack.callback(pool.close)
            return pool

        yield open_pool
