"""What identifying a connection costs on the wire, by kind of cluster and by driver."""

from __future__ import annotations

import pytest

from benchmarks.turns import round_trips
from tests.kinds.cases import _case, _cluster, _driver  # noqa: F401 - fixtures
from tests.kinds.conftest import kinds
from tests.support.drivers.async_descriptors import ASYNC_DRIVERS
from tests.support.drivers.descriptors import DRIVERS
from tests.support.names import _resolved  # noqa: F401 - a fixture

# The fixtures of the labs, by engine.
LABS = {
    "postgresql": ("lab", "multi_az", "plain"),
    "mysql": ("mysql_lab", "multi_az_mysql", "plain_mysql"),
}
ON_ONE_LOOP = [driver for driver in ASYNC_DRIVERS if driver.id.endswith("asyncio")]
CASES = [
    (lab, driver.id) for driver in (*DRIVERS, *ON_ONE_LOOP) for lab in LABS[driver.engine.name]
]
pytestmark = pytest.mark.parametrize("case", CASES, ids="-".join, indirect=True)
# Of a statement where that takes more than one. asyncpg prepares each statement first. Without
# autocommit, these two do not know whether a transaction has begun, and end it: asyncmy where the
# server's flags are all 0.
ROUND_TRIPS = {"asyncpg": 2, "mysqlclient": 2, ("plain_mysql", "asyncmy"): 2}
# The C class asks whether it is connected once, by a ping.
PINGS = {"mysql-connector-C": 1}


@pytest.fixture
def opened(cluster, driver):
    """Opens a connection to the writer; returns how many round trips that took."""
    held = []

    def opened():
        # What the agent opens itself, to find the writer, comes after it.
        return round_trips(cluster, lambda: held.append(driver.connect(cluster)))[0]

    yield opened
    for connection in held:
        connection.close()


def test_a_connection_costs_one_statement_and_the_first_one_two(
    start, case, cluster, driver, opened
):
    (without,) = {opened() for _ in range(3)}
    start(**driver.settings(cluster))
    statement = ROUND_TRIPS.get((case[0], driver.name)) or ROUND_TRIPS.get(driver.name, 1)
    first = opened() - without
    assert statement < first <= 2 * statement + PINGS.get(driver.id, 0)
    assert {opened() for _ in range(3)} == {without + statement}
    assert kinds() == {cluster.kind}
