"""Names that lag behind the topology until a connection has been misrouted, whenever that is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from aurora_otel.lab import Cluster
from tests.support.agent import Agent
from tests.support.waiting import eventually

_FOR_EVER = 600.0


@contextlib.contextmanager
def stale_until_a_misroute(agent: Agent, cluster: Cluster) -> Iterator[None]:
    """Have the names lead to the old writer until `agent` has counted a misroute in this block."""
    before = agent.exported.metric("aurora.connection.misroutes")

    def follow() -> None:
        eventually(lambda: agent.exported.metric("aurora.connection.misroutes") > before)
        cluster.dns_lag = 0.0

    cluster.dns_lag = _FOR_EVER
    following = threading.Thread(target=follow)
    following.start()
    yield
    following.join()
