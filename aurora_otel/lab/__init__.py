"""A local cluster of real servers to fail over.

    from aurora_otel.lab import Cluster, Failover

    with Cluster() as cluster:
        connection = psycopg.connect(cluster.dsn("writer"))
        cluster.failover(Failover.SWITCHOVER)

    with Cluster(engine="mysql") as cluster, resolving(cluster.hosts):
        connection = pymysql.connect(**cluster.parameters("writer"))

Everything listens on loopback addresses, and nothing is left behind when the process ends.
"""

from __future__ import annotations

from aurora_otel.lab.cluster import Cluster
from aurora_otel.lab.errors import LabError
from aurora_otel.lab.failover import Failover, Switch
from aurora_otel.lab.filters import Action, Filter
from aurora_otel.lab.gateway import Gateway
from aurora_otel.lab.instances import Condition
from aurora_otel.lab.membership import Member
from aurora_otel.lab.resolving import resolving

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
    "resolving",
]
