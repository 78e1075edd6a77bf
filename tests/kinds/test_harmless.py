"""An error that is like that of a failover closes nothing, on any kind of cluster."""

from __future__ import annotations

import pytest

from tests.kinds.cases import _case, _cluster, _connect, _driver  # noqa: F401 - fixtures
from tests.kinds.conftest import kinds
from tests.support.drivers.harmless import HARMLESS, nothing_happens
from tests.support.names import _resolved  # noqa: F401 - a fixture

# The fixture of the lab, and the drivers.
DRIVERS = {
    "multi_az": ("psycopg", "asyncpg-asyncio"),
    "plain": ("psycopg", "psycopg2", "asyncpg-asyncio"),
    "single": ("psycopg", "asyncpg-asyncio"),
    "multi_az_mysql": ("pymysql", "mysqlclient"),
    "plain_mysql": ("pymysql", "mysqlclient", "mysql-connector-pure"),
    "single_mysql": ("pymysql", "aiomysql-asyncio"),
}
# A replica that is reached by a name of its own is of another kind.
KINDS = {"single": {"single", "plain"}}
CASES = [(lab, driver) for lab, drivers in DRIVERS.items() for driver in drivers]
pytestmark = pytest.mark.parametrize("case", CASES, ids="-".join, indirect=True)


@pytest.mark.parametrize("harmless", HARMLESS.values(), ids=HARMLESS)
def test_an_error_that_is_no_failover_closes_nothing(start, cluster, connect, driver, harmless):
    agent = start(**driver.settings(cluster))
    with nothing_happens(agent, cluster, connect, driver):
        harmless.provoke(driver, cluster, connect)
        assert kinds() == KINDS.get(cluster.kind, {cluster.kind})
