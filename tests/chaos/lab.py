"""The cluster that all this happens to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aurora_otel.lab import Cluster


@contextlib.contextmanager
def lab() -> Iterator[Cluster]:
    """Run a cluster with a table to write to."""
    with Cluster("lab") as cluster:
        cluster.execute(cluster.writer, "CREATE TABLE writes (id bigserial PRIMARY KEY, x text)")
        for kind in ("TABLES", "SEQUENCES"):
            grant = f"GRANT ALL ON ALL {kind} IN SCHEMA public TO {cluster.user}"
            cluster.execute(cluster.writer, grant)
        yield cluster
