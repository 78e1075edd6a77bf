"""The cluster that all this happens to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aurora_otel.lab import Cluster
from tests.support.labs import TABLE, create_table

ENGINES = tuple(TABLE)
# A name of the application's own for where the writer is: it says nothing of itself.
PRIVATE = "db.example.com"
KINDS = ("aurora", "multi-az", "plain", "single")


@contextlib.contextmanager
def lab(engine: str = "postgresql", kind: str = "aurora") -> Iterator[Cluster]:
    """Run a cluster with a table to write to."""
    with Cluster("lab", engine=engine, kind=kind) as cluster:
        create_table(cluster)
        yield cluster
