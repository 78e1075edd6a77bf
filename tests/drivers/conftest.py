"""Every test here runs once for each driver, on servers of that driver's engine."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aurora_otel.lab import Cluster
from tests.support.agent import Agent
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS, AsyncDescriptor
from tests.support.drivers.descriptors import DRIVERS as KNOWN
from tests.support.drivers.descriptors import Descriptor
from tests.support.drivers.encrypted import Link, encrypted
from tests.support.drivers.harmless import HARMLESS
from tests.support.drivers.unknown import UNKNOWN
from tests.support.labs import as_new
from tests.support.names import _resolved  # noqa: F401 - a fixture

ORDERS = ("upstream before the agent", "upstream after the agent")
# `make test-fast` names a few of them.
CHOSEN = os.environ.get("TEST_DRIVERS", "").split(",")
EVERY = (*KNOWN, *UNKNOWN, *ASYNC_DRIVERS)
DRIVERS = tuple(driver for driver in EVERY if CHOSEN == [""] or driver.id in CHOSEN)
# Those of event loops are one file each, whatever the loop.
STRAIGHT = {driver.id for driver in KNOWN} | {
    "asyncpg-uvloop",
    "psycopg-asyncio",
    "aiomysql-asyncio",
    "asyncmy-uvloop",
    "mysql-connector-aio-asyncio",
}


def has_loop(driver: Descriptor) -> bool:
    """Return whether it is for an event loop: TLS then has a transport of its own."""
    return isinstance(driver, AsyncDescriptor)


# What a test runs through for each driver, if it asks for it: the cases and their names.
CASES: dict[str, Callable[[Descriptor], Iterable[tuple[str, Any]]]] = {
    "way": lambda driver: ((way.name, way) for way in driver.ways),
    "call": lambda driver: driver.calls.items(),
    "harmless": lambda _: HARMLESS.items(),
    "reconnect": lambda driver: driver.reconnects.items(),
    "c_library": lambda driver: () if driver.takes_names else (("C library", None),),
    "straight": lambda driver: (("straight", None),) if driver.id in STRAIGHT else (),
    "link": lambda driver: [("plain", False), *([("TLS", True)] if has_loop(driver) else [])],
    "order": lambda driver: ((order, order) for order in ORDERS if driver.has_upstream),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "driver" not in metafunc.fixturenames:
        return
    case = next((name for name in CASES if name in metafunc.fixturenames), None)
    if case is None:
        metafunc.parametrize("driver", DRIVERS, ids=lambda driver: driver.id, indirect=True)
        return
    both = [
        pytest.param(driver, value, id=f"{driver.id}-{name}")
        for driver in DRIVERS
        for name, value in CASES[case](driver)
    ]
    indirect = ["driver", "link"] if case == "link" else ["driver"]
    metafunc.parametrize(("driver", case), both, indirect=indirect)


@pytest.fixture
def driver(request: pytest.FixtureRequest) -> Descriptor:
    """The driver under test."""
    return request.param


@pytest.fixture
def cluster(driver: Descriptor, request: pytest.FixtureRequest) -> Cluster:
    """A healthy cluster of the driver's engine."""
    lab: Cluster = request.getfixturevalue(driver.engine.lab)
    return as_new(lab)


@pytest.fixture
def connect(driver: Descriptor, cluster: Cluster) -> Callable[..., Any]:
    """Connects to an endpoint or instance, by Aurora's name for it or another one."""
    return functools.partial(driver.connect, cluster)


@pytest.fixture
def link(
    request: pytest.FixtureRequest, driver: Descriptor, cluster: Cluster, tmp_path: Path
) -> Iterator[Link]:
    """How the driver reaches the cluster: as it is, or through TLS."""
    if request.param:
        with encrypted(driver, cluster, tmp_path) as link:
            yield link
    else:
        yield Link(functools.partial(driver.connect, cluster), driver.settings(cluster))


@pytest.fixture
def agent(driver: Descriptor, cluster: Cluster, start: Callable[..., Agent]) -> Agent:
    """A running agent that knows which of the lab's addresses mean the writer."""
    return start(**driver.settings(cluster))
