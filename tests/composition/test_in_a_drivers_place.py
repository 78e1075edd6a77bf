"""What stands in a driver's place, and a driver that is just being imported, stop nothing else."""

from __future__ import annotations

import pytest

from tests.composition.test_imports import run

INSTRUMENT = """
import logging, sys, threading, time, types
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
from unittest.mock import MagicMock
from aurora_otel import AuroraInstrumentor
from aurora_otel.instrumentor import patched
from tests.support.waiting import eventually

class Touchy:
    def __getattribute__(self, name):
        raise RuntimeError(name)
"""
REST = """
import psycopg, psycopg2, pg8000, pymysql, psycopg_pool
print(sorted(patched()))
"""
RESTING = "['pg8000', 'psycopg', 'psycopg2', 'psycopg_pool', 'pymysql']"


@pytest.mark.parametrize("stranger", ["MagicMock()", "None", "Touchy()", "'a string'"])
def test_what_is_no_module_is_left_alone_and_the_rest_is_patched(stranger):
    program = f"""
sys.modules["MySQLdb"] = sys.modules["sqlalchemy"] = {stranger}
AuroraInstrumentor().instrument()
AuroraInstrumentor().instrument()
"""
    *logged, patched = run(INSTRUMENT + program + REST).splitlines()
    assert patched == RESTING
    if stranger == "None":
        # Python's own way of saying that there is no such module.
        assert logged == []
    else:
        assert [line.split(" is not")[0] for line in logged] == [
            "WARNING MySQLdb",
            "WARNING sqlalchemy",
        ]


def test_a_module_that_lacks_everything_is_one_error_and_the_rest_is_patched():
    program = """
sys.modules["MySQLdb"] = types.ModuleType("MySQLdb")
AuroraInstrumentor().instrument()
"""
    logged, patched = run(INSTRUMENT + program + REST).splitlines()
    assert logged.startswith("ERROR internal failure in patch mysqlclient: ImportError")
    assert patched == RESTING


def test_a_stand_in_for_a_connection_is_handed_over_as_it_is():
    program = """
import asyncio
from unittest.mock import AsyncMock, patch
import asyncpg
from aurora_otel import snapshot

AuroraInstrumentor().instrument()
stand_in = MagicMock()
with patch("asyncpg.connect_utils._connect_addr", AsyncMock(return_value=stand_in)):
    assert asyncio.run(asyncpg.connect(host="127.0.0.1", user="shop")) is stand_in
print(snapshot().internal_failures)
"""
    assert run(INSTRUMENT + program).splitlines() == ["{}"]


@pytest.mark.parametrize("module", ["psycopg2", "psycopg", "pymysql", "pg8000"])
def test_a_driver_that_is_reloaded_is_patched_again_and_given_back_as_it_was(module):
    program = f"""
import importlib, {module} as driver
importlib.reload(driver)
AuroraInstrumentor().instrument()
importlib.reload(driver)
found = dict(vars(driver))
print(sorted(patched()))
AuroraInstrumentor().uninstrument()
print([name for name, value in found.items() if hasattr(value, "__wrapped__")])
print([name for name, value in vars(driver).items() if hasattr(value, "__wrapped__")])
print(driver.__loader__ is driver.__spec__.loader, type(driver.__loader__).__name__)
"""
    patched, during, after, loader = run(INSTRUMENT + program).splitlines()
    assert patched == str([module])
    assert during == ("['_connect']" if module == "psycopg2" else "[]")
    assert after == "[]"
    assert loader == "True SourceFileLoader"


def test_a_driver_that_is_removed_and_imported_again_is_patched_again():
    program = """
AuroraInstrumentor().instrument()
import psycopg2
del sys.modules["psycopg2"]
import psycopg2
print(hasattr(psycopg2._connect, "__wrapped__"))
"""
    assert run(INSTRUMENT + program).split() == ["True"]


# `psycopg2` imports `psycopg2._range` in the middle of its own import.
SLOW = """
class Slow:
    def find_spec(self, name, path, target=None):
        if name == "psycopg2._range":
            begun.set()
            held_up()

begun = threading.Event()
sys.meta_path.insert(0, Slow())

def import_in_a_thread():
    thread = threading.Thread(target=__import__, args=("psycopg2",))
    thread.start()
    begun.wait()
    return thread
"""


def test_what_another_thread_is_importing_is_waited_for_and_patched():
    program = """
def held_up():
    time.sleep(0.2)

import_in_a_thread()
AuroraInstrumentor().instrument()
print(sorted(patched()))
"""
    assert run(INSTRUMENT + SLOW + program).split() == ["['psycopg2']"]


def test_an_import_that_waits_for_the_thread_that_instruments_deadlocks_nothing():
    program = """
lock = threading.Lock()

def held_up():
    with lock:
        pass

with lock:
    thread = import_in_a_thread()
    AuroraInstrumentor().instrument()
    print(sorted(patched()))
thread.join()
eventually(patched)
print(sorted(patched()))
"""
    assert run(INSTRUMENT + SLOW + program).splitlines() == ["[]", "['psycopg2']"]


def test_an_import_that_instruments_by_itself_is_patched_when_it_has_ended():
    program = """
def held_up():
    AuroraInstrumentor().instrument()
    during.append(sorted(patched()))

during = []
import psycopg2
eventually(patched)
print(during[0], sorted(patched()))
"""
    assert run(INSTRUMENT + SLOW + program).split() == ["[]", "['psycopg2']"]


def test_an_import_that_fails_meanwhile_is_not_repeated():
    program = """
attempts = []

def held_up():
    attempts.append(1)
    time.sleep(0.1)
    raise ImportError("broken")

threading.excepthook = lambda _: None
thread = import_in_a_thread()
AuroraInstrumentor().instrument()
thread.join()
print(len(attempts), sorted(patched()), "psycopg2" in sys.modules)
"""
    assert run(INSTRUMENT + SLOW + program).split() == ["1", "[]", "False"]


@pytest.mark.parametrize("seed", range(3))
def test_instrumenting_beside_many_imports_patches_all(seed):
    program = f"""
import importlib, random
random.seed({seed})
names = ["psycopg", "psycopg2", "pg8000", "pymysql", "sqlalchemy", "psycopg_pool"]
random.shuffle(names)

def import_some(names):
    for name in names:
        time.sleep(random.random() * 0.02)
        importlib.import_module(name)

threads = [threading.Thread(target=import_some, args=(names[n::3],)) for n in range(3)]
for thread in threads:
    thread.start()
time.sleep(random.random() * 0.1)
AuroraInstrumentor().instrument()
for thread in threads:
    thread.join()
eventually(lambda: len(patched()) == len(names))
print(sorted(patched()) == sorted(names))
"""
    assert run(INSTRUMENT + program).split() == ["True"]
