"""An old writer that was frozen while another one took over, and wakes up."""

from __future__ import annotations

from aurora_otel.lab import Cluster, Member
from tests.support.sql import attempt
from tests.support.waiting import eventually


def thaw_as_the_writer(cluster: Cluster, instance: str) -> None:
    """Have a frozen instance go on where it was: it takes itself for the writer."""
    others = [Member(each, "a-reader") for each in cluster.instances if each != instance]
    cluster.set_view(instance, [Member(instance, "MASTER_SESSION_ID"), *others])
    cluster.thaw(instance)
    eventually(lambda: attempt(lambda: cluster.execute(instance, "SELECT 1")) is None)
