"""OpenTelemetry observability and failover clean-up for Python applications on Amazon Aurora.

Usage::

    from aurora_otel import AuroraInstrumentor

    AuroraInstrumentor().instrument()

or no change at all: `opentelemetry-instrument python app.py`.
"""

from __future__ import annotations

import time

from aurora_otel import snapshot as _snapshot
from aurora_otel.instrumentor import (
    AuroraInstrumentor,
    instrument_dbapi,
    patched,
    resolved,
    running_agent,
)
from aurora_otel.model.topology import Role
from aurora_otel.settings import Mode, QuerySpans, RdsApiUse, StraightConnects
from aurora_otel.snapshot import (
    ClusterSnapshot,
    InstanceSnapshot,
    InvalidationSnapshot,
    SettingSnapshot,
    Snapshot,
)
from aurora_otel.version import __version__

__all__ = [
    "AuroraInstrumentor",
    "ClusterSnapshot",
    "InstanceSnapshot",
    "InvalidationSnapshot",
    "Mode",
    "QuerySpans",
    "RdsApiUse",
    "Role",
    "SettingSnapshot",
    "Snapshot",
    "StraightConnects",
    "__version__",
    "instrument_dbapi",
    "snapshot",
]


def snapshot(*, count_untracked: bool = False) -> Snapshot:
    """Return what is tracked where, by cluster, instance and role.

    Args:
        count_untracked: whether to count the open connections that are not tracked, too, most of
            which were opened before `instrument()`. That takes about as long as a full garbage
            collection, and knows no driver of `instrument_dbapi`.
    """
    agent = running_agent()
    if agent is None:
        return _snapshot.inactive(resolved())
    return _snapshot.of(
        agent, resolved(), patched(), time.monotonic(), count_untracked=count_untracked
    )
