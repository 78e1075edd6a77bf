"""What a test that fails prints beside its own error."""

from __future__ import annotations

import os
import re
import sys

from tests.support import programs

SHARED = """\
from tests.conftest import agent, cluster, lab, start
from tests.support.failures import pytest_runtest_makereport, record_events

record_events()
"""
FAILS = """\
import psycopg
from aurora_otel.lab import Failover

def test_fails(agent, cluster):
    with psycopg.connect(cluster.dsn("writer")) as held:
        cluster.gateway.hang("reader")
        cluster.failover(Failover.CRASH)
        raise AssertionError("its own")
"""


def test_a_failure_shows_what_was_done_to_the_lab_the_servers_logs_and_the_snapshot(tmp_path):
    (tmp_path / "conftest.py").write_text(SHARED)
    (tmp_path / "test_it.py").write_text(FAILS)
    done = programs.run(
        *(sys.executable, "-m", "pytest", "-q", tmp_path),
        env={**os.environ, "PYTEST_ADDOPTS": f"--rootdir={tmp_path} -p no:cacheprovider"},
    )
    assert "AssertionError: its own" in done.stdout
    parts = re.split(r"^-+ (.+?) -+$", done.stdout, flags=re.MULTILINE)
    shown = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert "1 failed" in done.stdout
    assert "tracked" in shown["the agent's snapshot"]
    assert "track connection" in shown["the agent's last spans"]
    assert "aurora-otel-background:" in shown["where the agent's threads are"]
    (events,) = (text for title, text in shown.items() if "last events" in title)
    assert re.search(r"lab \(postgresql\): failover\(kind=.*crash", events, re.IGNORECASE), events
    assert re.search(r"gateway: hang\(", events), events
    logs = {title: text for title, text in shown.items() if title.startswith("log of lab-")}
    conditions = sorted(re.sub(r".*, (\w+)\)", r"\1", title) for title in logs)
    assert conditions == ["down", "reader", "writer"]
    assert any("archive recovery complete" in text for text in logs.values())
