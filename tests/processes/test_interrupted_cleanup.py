"""A signal handler raises while the application's own new connection waits for a clean-up.

No login of the agent's works there, so that this connection is the one that reveals the new
writer. The clean-up runs on a thread of the agent's, where no signal strikes, to its end.
"""

from __future__ import annotations

import signal
import sys

import pytest

from aurora_otel.lab import Failover
from aurora_otel.runtime import gate
from tests.support.sql import refused_write
from tests.support.waiting import eventually

ANOTHER = "another password"


@pytest.fixture
def rotated(cluster):
    """Change the password: what was used before opens no connection of the agent's."""
    before = cluster.password

    def change(password):
        cluster.execute(cluster.writer, f"ALTER ROLE {cluster.user} PASSWORD '{password}'")

    yield lambda: change(ANOTHER)
    change(before)


@pytest.fixture
def interrupted_while_waiting():
    """Has the first wait at a gate, in this thread, interrupted as it begins."""
    came = []

    def profile(frame, event, _):
        if event == "call" and frame.f_code is gate.Gate.wait.__code__:
            sys.setprofile(None)
            came.append(True)
            signal.raise_signal(signal.SIGINT)

    sys.setprofile(profile)
    yield came
    sys.setprofile(None)


def test_a_cleanup_goes_on_when_its_call_no_longer_waits(start, cluster, connect, rotated, request):
    agent = start()
    held = [connect(cluster.dsn("writer")) for _ in range(5)]
    rotated()
    switch = cluster.failover(Failover.SWITCHOVER)
    assert refused_write(held[0]) is not None
    monitor = next(iter(agent.internals.clusters)).monitor
    eventually(lambda: monitor.login_rejected)
    assert agent.tracked(switch.old_writer) == len(held)

    came = request.getfixturevalue("interrupted_while_waiting")
    with pytest.raises(KeyboardInterrupt):
        connect(cluster.dsn("writer", password=ANOTHER))
    assert came
    eventually(lambda: agent.tracked(switch.old_writer) == 0)
    assert agent.exported.metric("aurora.connection.invalidations") == len(held)
    eventually(lambda: cluster.sessions(switch.old_writer) == 0)
