"""mysql.connector.aio's table of character sets is never met half full."""

from __future__ import annotations

import sys
import threading

import pytest
from mysql.connector.aio.charsets import Charsets
from mysql.connector.errors import ProgrammingError

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.mysql_connector_aio.character_sets import fill_aside

UTF8 = 45


@pytest.fixture
def table():
    """The driver's table, as the agent has it filled."""
    patches = Patches()
    fill_aside(patches)
    made = Charsets()
    yield made
    patches.undo()


@pytest.fixture(autouse=True)
def _in_turns():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("versions", [(8, 8), (8, 9)], ids=["the same", "another"])
def test_a_look_up_beside_a_connect_on_another_thread_finds_what_is_there(table, versions):
    table.set_mysql_major_version(versions[0])
    stopped = threading.Event()

    def connect_again_and_again():
        while not stopped.is_set():
            for version in versions:
                table.set_mysql_major_version(version)

    connecting = threading.Thread(target=connect_again_and_again)
    connecting.start()
    try:
        found = {table.get_by_id(UTF8).name for _ in range(100_000)}
    finally:
        stopped.set()
        connecting.join()
    assert found == {"utf8mb4"}


def test_each_version_has_its_own_and_one_that_does_not_exist_is_the_drivers_error(table):
    table.set_mysql_major_version(8)
    assert table.get_by_name("utf-8").collation == "utf8mb4_0900_ai_ci"
    table.set_mysql_major_version(5)
    assert table.get_by_name("utf8mb4").collation == "utf8mb4_general_ci"
    with pytest.raises(ProgrammingError):
        table.set_mysql_major_version(4)
