"""The cluster that all this happens to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aurora_otel.lab import Cluster

_SET_UP = {
    "postgresql": (
        "CREATE TABLE writes (id bigserial PRIMARY KEY, x text)",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO app",
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app",
    ),
    "mysql": ("CREATE TABLE app.writes (id bigint AUTO_INCREMENT PRIMARY KEY, x text)",),
}
ENGINES = tuple(_SET_UP)


@contextlib.contextmanager
def lab(engine: str = "postgresql") -> Iterator[Cluster]:
    """Run a cluster with a table to write to."""
    with Cluster("lab", engine=engine) as cluster:
        for statement in _SET_UP[engine]:
            cluster.execute(cluster.writer, statement)
        yield cluster
