"""A server ends all its connections at once, and each driver's process knows."""

from __future__ import annotations

from aurora_otel.lab import Failover
from aurora_otel.monitoring.paces import MASS
from tests.drivers.test_tracking import LIMIT
from tests.support.mass_losses import doubts_of
from tests.support.sql import attempt, write
from tests.support.waiting import eventually


def test_connections_that_a_server_ends_at_once_are_a_mass_loss(
    agent, cluster, connect, monkeypatch
):
    doubts = doubts_of(monkeypatch)
    held = [connect("writer") for _ in range(MASS)]
    ((limit,),) = cluster.execute(cluster.writer, LIMIT[cluster.engine])
    cluster.failover(Failover.CRASH)
    for each in held:
        attempt(lambda each=each: write(each))
    eventually(lambda: doubts)
    assert doubts[0] == (True, int(limit) / MASS)
    for each in held:
        attempt(each.close)
