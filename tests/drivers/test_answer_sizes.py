"""An answer that has no end costs little memory, and is not read for long."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.programs import ROOT

# In KiB; without a limit, ten seconds bring a hundredfold and more.
MOST = 1024


@pytest.fixture
def port(driver):
    """The port of a server whose answers have no end."""
    if driver.id == "pgdb":
        pytest.skip("reads types from a catalog, which this server does not have")
    command = [sys.executable, "-m", "tests.support.hostile", driver.engine.name]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield int(server.stdout.readline())
        server.stdin.close()


def test_an_answer_without_end_is_given_up_before_it_takes_memory(driver, port):
    asked = subprocess.run(
        [sys.executable, "-m", "tests.support.answer_cost", driver.id, str(port)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )
    found = [json.loads(line) for line in asked.stdout.splitlines()]
    assert len(found) == 3, asked.stderr
    costs = {
        (each["answer"], place): cost
        for each in found
        for place, cost in each.items()
        if place != "answer"
    }
    assert len(costs) >= 4
    assert {case: cost for case, (_, cost) in costs.items() if cost > MOST} == {}
