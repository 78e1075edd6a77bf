"""A process that has reached its limit of open files is cleaned up as any other."""

from __future__ import annotations

import json
import subprocess

from aurora_otel.lab import Failover
from tests.processes.open_files import STALE
from tests.support.programs import PYTHON, ROOT, environment
from tests.support.sql import READ_ONLY


def test_a_process_without_a_descriptor_left_is_cleaned_up(cluster):
    program = subprocess.Popen(
        [PYTHON, "-m", "tests.processes.open_files"],
        cwd=ROOT,
        env=environment(cluster),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert json.loads(program.stdout.readline()) == "ready"
    switch = cluster.failover(Failover.SWITCHOVER)
    seen, errors = program.communicate("\n", timeout=30)
    assert program.returncode == 0, errors
    assert json.loads(seen) == {
        "first": READ_ONLY,
        "tracked": [0],
        "others": [None] * (STALE - 1),
    }
    assert f"stale connections: {STALE} closed" in errors
    assert cluster.writer == switch.new_writer
