"""A local cluster of real servers to fail over.

    from aurora_otel.lab import Cluster, Failover

    with Cluster() as cluster:
        connection = psycopg.connect(cluster.dsn("writer"))
        cluster.failover(Failover.SWITCHOVER)

Everything listens on loopback addresses, and nothing is left behind when the process ends.
"""

from __future__ import annotations

from .cluster import Cluster
from .errors import LabError
from .failover import Failover, Switch
from .filters import Action, Filter
from .gateway import Gateway
from .instances import Condition
from .membership import Member

__all__ = [
    "Action",
    "Cluster",
    "Condition",
    "Failover",
    "Filter",
    "Gateway",
    "LabError",
    "Member",
    "Switch",
]
