"""An application that mypy checks: each setting, and what must be an error, which is marked."""

from pathlib import Path

from aurora_otel import (
    AuroraInstrumentor,
    Mode,
    QuerySpans,
    RdsApiUse,
    Role,
    StraightConnects,
    snapshot,
)

AuroraInstrumentor().instrument()
AuroraInstrumentor().instrument(
    mode="observe",
    drivers=["psycopg"],
    prune_interval=30,
    refresh_window=60.5,
    refresh_interval=1,
    refresh_timeout=1,
    instance_host_template="?.db.example.com",
    instance_endpoints={"lab-1": "127.0.0.1:5432"},
    rds_api="off",
    identify_timeout=0.5,
    stuck_after=0,
    writer_endpoints=("db.example.com",),
    single_endpoints=("db.example.com",),
    members=["db.example.com:5432", "standby.example.com:5432"],
    cluster_id="orders",
    straight_connects="off",
    query_spans="summary",
    kill_switch=Path("/run/aurora-otel/observe"),
)
AuroraInstrumentor().instrument(
    mode=Mode.CLEANUP,
    rds_api=RdsApiUse.AUTO,
    straight_connects=StraightConnects.ON,
    query_spans=QuerySpans.OFF,
)
writers = [
    instance.id
    for cluster in snapshot().clusters
    for instance in cluster.instances
    if instance.role is Role.WRITER
]

AuroraInstrumentor().instrument(mode="obsreve")  # type: ignore[arg-type]
AuroraInstrumentor().instrument(refresh_windows=60)  # type: ignore[arg-type]
AuroraInstrumentor().instrument(prune_interval="often")  # type: ignore[arg-type]
AuroraInstrumentor().instrument(drivers=3)  # type: ignore[arg-type]
AuroraInstrumentor().instrument(rds_api=True)  # type: ignore[arg-type]
AuroraInstrumentor().instrument(cluster_id=["orders"])  # type: ignore[arg-type]
AuroraInstrumentor().instrument(refresh_window="long")  # type: ignore[arg-type]
AuroraInstrumentor().instrument(refresh_interval="1")  # type: ignore[arg-type]
AuroraInstrumentor().instrument(refresh_timeout=None)  # type: ignore[arg-type]
AuroraInstrumentor().instrument(instance_host_template=1)  # type: ignore[arg-type]
AuroraInstrumentor().instrument(instance_endpoints=["lab-1"])  # type: ignore[arg-type]
AuroraInstrumentor().instrument(identify_timeout="0.5")  # type: ignore[arg-type]
AuroraInstrumentor().instrument(stuck_after=None)  # type: ignore[arg-type]
AuroraInstrumentor().instrument(writer_endpoints=1)  # type: ignore[arg-type]
AuroraInstrumentor().instrument(single_endpoints=1)  # type: ignore[arg-type]
AuroraInstrumentor().instrument(members=1)  # type: ignore[arg-type]
AuroraInstrumentor().instrument(straight_connects=True)  # type: ignore[arg-type]
AuroraInstrumentor().instrument(query_spans="all")  # type: ignore[arg-type]
AuroraInstrumentor().instrument(kill_switch=True)  # type: ignore[arg-type]
