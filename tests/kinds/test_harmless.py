"""An error that is like that of a failover closes nothing, on any kind of cluster."""

from __future__ import annotations

import functools

import pytest

from tests.kinds.conftest import kinds
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import BY_ID
from tests.support.drivers.harmless import HARMLESS, nothing_happens
from tests.support.labs import as_new
from tests.support.names import _resolved  # noqa: F401 - a fixture

KNOWN = {**BY_ID, **{each.id: each for each in ASYNC_DRIVERS}}
# The fixture of the lab, and the drivers.
DRIVERS = {
    "multi_az": ("psycopg", "asyncpg-asyncio"),
    "plain": ("psycopg", "psycopg2", "asyncpg-asyncio"),
    "multi_az_mysql": ("pymysql", "mysqlclient"),
    "plain_mysql": ("pymysql", "mysqlclient", "mysql-connector-pure"),
}
CASES = [(lab, driver) for lab, drivers in DRIVERS.items() for driver in drivers]


@pytest.fixture(params=CASES, ids="-".join)
def case(request):
    return request.param


@pytest.fixture
def cluster(case, request):
    return as_new(request.getfixturevalue(case[0]))


@pytest.fixture
def driver(case):
    return KNOWN[case[1]]


@pytest.mark.parametrize("harmless", HARMLESS.values(), ids=HARMLESS)
def test_an_error_that_is_no_failover_closes_nothing(start, cluster, driver, harmless):
    agent = start(**driver.settings(cluster))
    connect = functools.partial(driver.connect, cluster)
    with nothing_happens(agent, cluster, connect, driver):
        harmless.provoke(driver, cluster, connect)
        assert kinds() == {cluster.kind}
