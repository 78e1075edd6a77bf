"""What makes the alerts about fleets and pools fire, and what is like it but must not.

As in `alert_cases`.
"""

from tests.dashboards.alert_cases import Fires, Quiet, failover, failovers, series, writers

DAY = 1440


def agent(job, instance, *, version="0.2.0", mode="cleanup"):
    return series(
        "aurora_agent_info",
        job,
        instance,
        cluster_id=None,
        agent_version=version,
        agent_mode=mode,
    )


def failed(job="shop"):
    return series("aurora_connection_failures_total", job, aurora_error_type="OperationalError")


def pool(metric, job="shop", **labels):
    name = f"db_client_connection_{metric}"
    return series(name, job, db_client_connection_pool_name="orders", **labels)


def used(state):
    return pool("count", db_client_connection_state=state)


POOL = {"job": "shop", "db_client_connection_pool_name": "orders"}
WAITED, WAITS = pool("wait_time_seconds_sum"), pool("wait_time_seconds_count")
MIXED = {
    agent("shop", "a"): "1x100",
    agent("audit", "b", mode="observe"): "1x100",
    writers("shop", "a", "orders-1"): "2x100",
    writers("audit", "b", "orders-1"): "2x100",
}

CASES = [
    Fires(
        "a failover",
        "AuroraFailoverHappened",
        failover("a", "b"),
        "6m",
        {"aurora_cluster_id": "orders", "severity": "info"},
        "orders has failed over within the last five minutes.",
    ),
    Quiet(
        "no failover, and one of an hour ago",
        "AuroraFailoverHappened",
        failover("a"),
        ("3m", "60m"),
    ),
    Fires(
        "one service that observes where another cleans up",
        "AuroraAgentObserves",
        MIXED,
        "70m",
        {"job": "audit", "aurora_cluster_id": "orders", "severity": "warning"},
        "1 processes of audit only observe orders, where others clean up.",
    ),
    Quiet(
        "a cluster that all observe, and another that all clean up",
        "AuroraAgentObserves",
        {
            agent("shop", "a"): "1x100",
            agent("audit", "b", mode="observe"): "1x100",
            writers("shop", "a", "stock-1", "stock"): "2x100",
            writers("audit", "b", "orders-1"): "2x100",
        },
        ("70m", "90m"),
    ),
    Fires(
        "connects that fail without a failover",
        "AuroraConnectsFailing",
        {failed(): "0x4 0+3x40"},
        "25m",
        {"job": "shop", "aurora_cluster_id": "orders", "severity": "warning"},
        "shop fails to connect to orders: 15 times within five minutes.",
    ),
    Quiet(
        "connects that fail in a failover",
        "AuroraConnectsFailing",
        {failed(): "0x4 0+9x4 36x60", failovers("shop", "a"): "0x4 1x60"},
        ("8m", "15m", "20m", "25m"),
    ),
    Fires(
        "a service that was not released with the others",
        "AuroraAgentOutdated",
        {
            agent("shop", "a"): f"1x{DAY + 200}",
            agent("shop", "b"): f"1x{DAY + 200}",
            agent("reports", "c", version="0.1.0"): f"1x{DAY + 200}",
        },
        f"{DAY + 90}m",
        {"job": "reports", "aurora_agent_version": "0.1.0", "severity": "warning"},
        "1 processes of reports run aurora-otel 0.1.0, unlike most of the fleet.",
    ),
    Quiet(
        "a service that is the first one with a new version",
        "AuroraAgentOutdated",
        {
            agent("shop", "a"): f"1x{DAY + 200}",
            agent("shop", "b"): f"1x{DAY + 200}",
            agent("reports", "c", version="0.3.0"): f"_x{DAY} 1x200",
        },
        (f"{DAY + 90}m", f"{DAY + 190}m"),
    ),
    Fires(
        "a pool that stays full",
        "AuroraPoolNearlyFull",
        {used("used"): "1 19x30", used("idle"): "19 1x30", pool("max"): "20x30"},
        "15m",
        {**POOL, "severity": "warning"},
        "The pool orders of shop is 95% in use.",
    ),
    Quiet(
        "a pool that is full for moments",
        "AuroraPoolNearlyFull",
        {used("used"): "19x8 4 19x8", pool("max"): "20x30"},
        ("8m", "12m", "16m"),
    ),
    Fires(
        "callers that wait for ten minutes",
        "AuroraPoolCallersWaiting",
        {pool("pending_requests"): "0 3x20"},
        "10m",
        {**POOL, "severity": "warning"},
        "3 callers wait for the pool orders of shop.",
    ),
    Quiet(
        "callers that wait now and then",
        "AuroraPoolCallersWaiting",
        {pool("pending_requests"): "0 3 0 2 0 0 4 0 0 1 0"},
        ("2m", "7m", "10m"),
    ),
    Fires(
        "long waits",
        "AuroraPoolWaitsLong",
        {WAITED: "0+120x30", WAITS: "0+60x30"},
        "15m",
        {**POOL, "severity": "warning"},
        "A connection of the pool orders of shop takes 2s to get.",
    ),
    Quiet(
        "short waits, and then none",
        "AuroraPoolWaitsLong",
        {WAITED: "0+6x15 90x20", WAITS: "0+60x15 900x20"},
        ("10m", "15m", "30m"),
    ),
    Fires(
        "callers in vain",
        "AuroraPoolTimeouts",
        {pool("timeouts_total"): "0x4 0+2x30"},
        "15m",
        {**POOL, "severity": "critical"},
        "Requests of shop fail because the pool orders gives them no connection.",
    ),
    Quiet(
        "one caller in vain",
        "AuroraPoolTimeouts",
        {pool("timeouts_total"): "0x4 1x30"},
        ("6m", "9m", "12m", "20m"),
    ),
]
