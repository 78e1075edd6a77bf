"""Tests on labs of several kinds, with several drivers each.

Such a file imports these fixtures, and parametrises `case` (indirectly): the fixture of a lab, and
the id of a driver.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from aurora_otel.lab import Cluster
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import BY_ID
from tests.support.labs import as_new

_KNOWN: dict[str, Any] = {**BY_ID, **{each.id: each for each in ASYNC_DRIVERS}}


@pytest.fixture(name="case")
def _case(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


@pytest.fixture(name="cluster")
def _cluster(case: tuple[str, str], request: pytest.FixtureRequest) -> Cluster:
    return as_new(request.getfixturevalue(case[0]))


@pytest.fixture(name="driver")
def _driver(case: tuple[str, str]) -> Any:
    return _KNOWN[case[1]]


@pytest.fixture(name="connect")
def _connect(driver: Any, cluster: Cluster) -> Callable[..., Any]:
    return functools.partial(driver.connect, cluster)
