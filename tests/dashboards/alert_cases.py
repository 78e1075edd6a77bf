"""For each alert: what makes it fire, and what is like it but must not fire it.

Series are in promtool's notation, a value a minute: `0x5` is six zeros, `_` none, `stale` the end.
"""

from typing import NamedTuple


def series(name, job="shop", instance="a", **labels):
    """A series; labels as `cluster_id="orders"` for `aurora_cluster_id`."""
    known = {"cluster_id": "orders"} | labels if name.startswith("aurora_") else labels
    written = {
        f"aurora_{key}" if name.startswith("aurora_") else key: value
        for key, value in known.items()
    }
    if error := written.pop("aurora_error_type", None):
        written["error_type"] = error
    written = {key: value for key, value in written.items() if value is not None}
    chosen = {"job": job, "instance": instance} | written
    return f"{name}{{{', '.join(f'{key}={value!r}' for key, value in chosen.items())}}}"


def stale(instance):
    return series("aurora_connection_stale", "shop", instance, instance_id="orders-1")


def writers(job, instance, writer, cluster="orders"):
    return series(
        "aurora_connection_count",
        job,
        instance,
        cluster_id=cluster,
        instance_id=writer,
        instance_role="writer",
    )


def failovers(job, instance):
    return series("aurora_failovers_total", job, instance, failover_symptom="read_only")


def prunes(reason):
    return series("aurora_connection_prunes_total", instance_id="orders-1", prune_reason=reason)


def up(job, instance):
    return series("up", job, instance)


def resource(job, instance):
    return series("target_info", job, instance, telemetry_sdk_language="python")


REFRESHES = "aurora_topology_refresh_duration_seconds_count"
FAILED = series(REFRESHES, topology_source="sql", error_type="OperationalError")
ANSWERED = series(REFRESHES, topology_source="sql")
LEAKED, HUNG_UP = prunes("garbage_collected"), prunes("hung_up")
MISROUTES = series("aurora_connection_misroutes_total", instance_id="orders-1")


class Fires(NamedTuple):
    """An alert that fires: with these labels, and this summary."""

    why: str
    alert: str
    series: dict
    at: str
    labels: dict
    summary: str


class Quiet(NamedTuple):
    """An alert that does not fire at these moments."""

    why: str
    alert: str
    series: dict
    at: tuple


def failover(*processes, minutes=80):
    """Processes of the shop that went through a failover at 5 min: connections and counters."""
    found = {}
    for process in processes:
        found[writers("shop", process, "orders-1")] = f"5x4 0x{minutes}"
        found[writers("shop", process, "orders-2")] = f"0x4 5x{minutes}"
        found[failovers("shop", process)] = f"0x4 1x{minutes}"
    return found


CASES = [
    Fires(
        "connections that stay stale",
        "AuroraStaleConnections",
        {stale("a"): "0 0 3x10", stale("b"): "0 0 1x10"},
        "5m",
        {
            "job": "shop",
            "aurora_cluster_id": "orders",
            "aurora_instance_id": "orders-1",
            "severity": "critical",
        },
        "shop still holds 4 connections to orders-1, which is no longer the writer of orders.",
    ),
    Quiet(
        "connections that are cleaned up at once",
        "AuroraStaleConnections",
        {stale("a"): "0 5 0x10"},
        ("1m", "2m", "3m", "5m"),
    ),
    Fires(
        "a process that sleeps through a failover",
        "AuroraFailoverWithoutCleanup",
        failover("a", "b")
        | {writers("reports", "c", "orders-1"): "4x80", failovers("reports", "c"): "0x80"},
        "20m",
        {
            "job": "reports",
            "instance": "c",
            "aurora_cluster_id": "orders",
            "aurora_instance_id": "orders-1",
            "severity": "warning",
        },
        "orders has failed over, but c of reports has not noticed: it still holds 4 connections "
        "to orders-1.",
    ),
    Quiet(
        "a process that finds out later",
        "AuroraFailoverWithoutCleanup",
        failover("a", "b")
        | {
            writers("reports", "c", "orders-1"): "4x10 0x80",
            failovers("reports", "c"): "0x10 1x80",
        },
        ("10m", "15m", "20m"),
    ),
    Quiet(
        "a failover that every process noticed",
        "AuroraFailoverWithoutCleanup",
        failover("a", "b", "c"),
        ("5m", "20m", "60m"),
    ),
    Quiet(
        "a release after a failover: only new processes run, and they know the new writer",
        "AuroraFailoverWithoutCleanup",
        {series: values.replace("x80", "x6 stale") for series, values in failover("a", "b").items()}
        | {writers("shop", "n", "orders-2"): "_x8 5x60", failovers("shop", "n"): "_x8 0x60"},
        ("20m", "30m", "50m"),
    ),
    Quiet(
        "another cluster's failover",
        "AuroraFailoverWithoutCleanup",
        failover("a", "b") | {writers("reports", "c", "stock-1", "stock"): "4x80"},
        ("20m", "60m"),
    ),
    Fires(
        "refreshes that all fail, from the first one on",
        "AuroraTopologyRefreshFailing",
        {FAILED: "_ _ 4x30"},
        "9m",
        {"job": "shop", "aurora_cluster_id": "orders", "severity": "critical"},
        "shop can no longer read the topology of orders: a failover now would not be cleaned up.",
    ),
    Fires(
        "refreshes that begin to fail after days of answers",
        "AuroraTopologyRefreshFailing",
        {ANSWERED: "70x60", FAILED: "3x29 4+1x30"},
        "50m",
        {"job": "shop", "aurora_cluster_id": "orders", "severity": "critical"},
        "shop can no longer read the topology of orders: a failover now would not be cleaned up.",
    ),
    Quiet(
        "the failed refreshes of a failover that was cleaned up, both counts as young as that",
        "AuroraTopologyRefreshFailing",
        {FAILED: "_ _ 4x30", ANSWERED: "_ _ 1x30"},
        ("3m", "9m", "20m"),
    ),
    Quiet(
        "two failed refreshes",
        "AuroraTopologyRefreshFailing",
        {FAILED: "_ _ 2x30"},
        ("9m", "20m"),
    ),
    Fires(
        "a leak every few minutes",
        "AuroraConnectionsLeaked",
        {LEAKED: "0x9 1+0.2x100"},
        "70m",
        {"job": "shop", "severity": "warning"},
        "shop has leaked 12 database connections within the last hour.",
    ),
    Quiet(
        "two leaks in an hour", "AuroraConnectionsLeaked", {LEAKED: "0 1x30 2x60"}, ("40m", "60m")
    ),
    Quiet(
        "connections that the server hung up",
        "AuroraConnectionsLeaked",
        {LEAKED: "0x90", HUNG_UP: "0+5x90"},
        ("70m",),
    ),
    Fires(
        "misroutes for half an hour",
        "AuroraMisroutesPersist",
        {MISROUTES: "0x4 0+1x60"},
        "30m",
        {"job": "shop", "aurora_cluster_id": "orders", "severity": "warning"},
        "The writer endpoint of orders goes on leading shop to a reader.",
    ),
    Quiet(
        "misroutes for two minutes after a failover",
        "AuroraMisroutesPersist",
        {MISROUTES: "0x4 3 7x60"},
        ("6m", "10m", "16m", "20m", "25m"),
    ),
    Fires(
        "an agent that stops in a process that Prometheus scrapes",
        "AuroraAgentSilent",
        {writers("shop", "a", "orders-1"): "5x10 stale", up("shop", "a"): "1x60"},
        "40m",
        {"job": "shop", "instance": "a", "severity": "warning"},
        "a of shop runs, but its aurora-otel agent has stopped reporting.",
    ),
    Fires(
        "an agent that stops in a process that exports to a Collector",
        "AuroraAgentSilent",
        {
            writers("shop", "a", "orders-1"): "5x10 stale",
            writers("shop", "b", "orders-1"): "5x60",
            resource("shop", "a"): "1x60",
            resource("shop", "b"): "1x60",
        },
        "40m",
        {"job": "shop", "instance": "a", "severity": "warning"},
        "a of shop runs, but its aurora-otel agent has stopped reporting.",
    ),
    Quiet(
        "a process that ended",
        "AuroraAgentSilent",
        {writers("shop", "a", "orders-1"): "5x10 stale", up("shop", "a"): "1x10 stale"},
        ("12m", "20m", "40m"),
    ),
    Quiet(
        "a process that cannot be scraped: another alert is for that",
        "AuroraAgentSilent",
        {writers("shop", "a", "orders-1"): "5x10 stale", up("shop", "a"): "1x10 0x60"},
        ("12m", "20m", "40m"),
    ),
    Quiet(
        "a process that never had an agent",
        "AuroraAgentSilent",
        {up("node", "n"): "1x60"},
        ("40m",),
    ),
    Fires(
        "a release without the agent",
        "AuroraAgentMissing",
        {
            writers("shop", "old", "orders-1"): "5x10 stale",
            up("shop", "old"): "1x10 stale",
            up("shop", "new"): "_x10 1x60",
        },
        "40m",
        {"job": "shop", "severity": "critical"},
        "shop runs, but none of its processes has an aurora-otel agent any more.",
    ),
    Quiet(
        "a release with the agent, whose processes connect after some minutes",
        "AuroraAgentMissing",
        {
            writers("shop", "old", "orders-1"): "5x10 stale",
            up("shop", "old"): "1x10 stale",
            writers("shop", "new", "orders-1"): "_x20 5x60",
            up("shop", "new"): "_x10 1x60",
        },
        ("15m", "25m", "40m"),
    ),
    Quiet(
        "a service that was taken down",
        "AuroraAgentMissing",
        {writers("shop", "a", "orders-1"): "5x10 stale", up("shop", "a"): "1x10 stale"},
        ("40m",),
    ),
]
