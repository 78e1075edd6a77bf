"""Four services on one cluster, each a process under `opentelemetry-instrument`, scraped.

*shop* writes all the time, from two processes; *reports* is idle through the failover; *audit* runs
in the mode `observe`; *billing* has a pool.
"""

import contextlib
from dataclasses import dataclass, field
from typing import NamedTuple

from aurora_otel.lab import Failover
from tests.support.application_process import Application
from tests.support.prometheus import Prometheus, free_port
from tests.support.waiting import eventually

OPEN = 'sum(aurora_connection_count{job="%s"})'


class Exporter:
    """Has a process serve its metrics to Prometheus; stands where a collector would."""

    def __init__(self, port):
        self._port = port

    def environment(self, service, *, interval):
        return {
            "OTEL_SERVICE_NAME": service,
            "OTEL_METRICS_EXPORTER": "prometheus",
            "OTEL_EXPORTER_PROMETHEUS_HOST": "127.0.0.1",
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(self._port),
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }


class Services(NamedTuple):
    """The processes."""

    shop: Application
    sibling: Application
    reports: Application
    audit: Application
    billing: Application


@dataclass
class Run:
    """What happened, by Prometheus's clock, and what the services counted themselves.

    Attributes:
        prometheus: has scraped it all.
        start: before the first connection.
        calm: before the first failover.
        full: while the pool had no connection left.
        noticed: after the first failover, before `reports` has noticed.
        end: after the last clean-up.
        counted: what was done, by name.
        instances: of the cluster, in the order in which they were the writer.
    """

    prometheus: Prometheus
    start: float = 0.0
    calm: float = 0.0
    full: float = 0.0
    noticed: float = 0.0
    end: float = 0.0
    counted: dict = field(default_factory=dict)
    instances: list = field(default_factory=list)


@contextlib.contextmanager
def suffering(cluster, directory):
    """What two failovers and some carelessness do to the services."""
    ports = [free_port() for _ in range(5)]
    first, second, third, fourth, fifth = (f"127.0.0.1:{port}" for port in ports)
    targets = {"shop": [first, second], "reports": [third], "audit": [fourth], "billing": [fifth]}
    settings = {"prune_interval": 0.2, "refresh_window": 5}
    with contextlib.ExitStack() as stack:
        modes = ("cleanup", "cleanup", "cleanup", "observe", "cleanup")
        services = Services(
            *(
                stack.enter_context(Application(Exporter(port), cluster, mode=mode, **settings))
                for port, mode in zip(ports, modes, strict=True)
            )
        )
        run = Run(stack.enter_context(Prometheus(directory, targets)))
        run.start = run.prometheus.now()
        _connect(run, cluster, services)
        _be_careless(run, cluster, services.shop)
        run.calm = _after_a_scrape(run.prometheus)
        _fail_over(run, cluster, services)
        _exhaust_the_pool(run, services.billing)
        _be_misrouted(run, cluster, services)
        run.end = _after_a_scrape(run.prometheus)
        yield run


def _connect(run, cluster, services):
    shop, sibling, reports, audit, billing = services
    writer = cluster.dsn("writer")
    shop.connect(names=[f"w{number}" for number in range(12)], dsn=writer)
    shop.connect(names=["r0", "r1"], dsn=cluster.dsn("reader"), driver="psycopg2")
    sibling.connect(names=["w0", "w1", "w2"], dsn=writer)
    reports.connect(names=["w0", "w1", "w2", "w3"], dsn=writer)
    audit.connect(names=["w0", "w1"], dsn=writer)
    billing.open_pool(name="orders", dsn=writer)
    assert billing.write_with_pool(name="orders").error is None
    run.instances.append(cluster.writer)
    _settled(run, shop=17, reports=4, audit=2, billing=2)


def _be_careless(run, cluster, shop):
    nowhere = cluster.dsn("writer", dbname="nowhere")
    assert shop.connect(names=["none"], dsn=nowhere).error == "OperationalError"
    shop.close(names=["w11"])
    shop.leak(name="w10")
    run.counted |= {"closed": 1, "leaked": 1, "failed connects": {"shop": 1}}
    _settled(run, shop=15)
    # The connect that failed has it refresh: else that might notice the failover first.
    eventually(lambda: "window open" not in shop.snapshot().result, within=30)


def _fail_over(run, cluster, services):
    shop, sibling, reports, audit, billing = services
    cluster.failover(Failover.SWITCHOVER)
    run.instances.append(cluster.writer)
    assert shop.write(name="w0").error == "ReadOnlySqlTransaction"
    assert sibling.write(name="w0").error == "ReadOnlySqlTransaction"
    assert audit.write(name="w0").error == "ReadOnlySqlTransaction"
    assert billing.write_with_pool(name="orders").error == "ReadOnlySqlTransaction"
    assert billing.write_with_pool(name="orders").error is None
    shop.close(names=[f"w{number}" for number in range(10)])
    shop.connect(names=["n0", "n1", "n2"], dsn=cluster.dsn("writer"))
    _settled(run, shop=5)
    run.noticed = _after_a_scrape(run.prometheus)
    # reports finds out with its next write; audit, which only observes, closes its own.
    assert reports.write(name="w0").error == "ReadOnlySqlTransaction"
    audit.close(names=["w0", "w1"])
    run.counted |= {
        "invalidated": {"shop": 13, "reports": 4, "billing": 2},
        "observed": 2,
        "missed": 4,
    }
    _settled(run, reports=0, audit=0)
    cluster.heal()


def _exhaust_the_pool(run, billing):
    _settled(run, billing=2)
    assert billing.exhaust_pool(name="orders").result == "PoolTimeout"
    run.full = _after_a_scrape(run.prometheus)
    billing.release_pool(name="orders")
    billing.close_pool(name="orders")
    run.counted["in vain"] = 1
    _settled(run, billing=0)


def _be_misrouted(run, cluster, services):
    shop, sibling, reports, *_ = services
    reports.connect(names=["n0"], dsn=cluster.dsn("writer"))
    sibling.connect(names=["n0"], dsn=cluster.dsn("writer"))
    _settled(run, reports=1, shop=6)
    cluster.dns_lag = 60.0
    cluster.failover(Failover.SWITCHOVER)
    run.instances.append(cluster.writer)
    assert shop.connect(names=["misrouted"], dsn=cluster.dsn("writer")).error is None
    assert shop.write(name="misrouted").error == "ReadOnlySqlTransaction"
    for process in (sibling, reports):
        assert process.write(name="n0").error == "ReadOnlySqlTransaction"
    run.counted["misrouted"] = 1
    run.counted["failovers"] = 2
    run.counted["invalidated"]["shop"] += 5
    run.counted["invalidated"]["reports"] += 1
    run.counted["open"] = 2
    run.counted["refused"] = {"shop": 4, "reports": 2, "audit": 1, "billing": 1}
    run.counted["noticed"] = {"shop": 2, "reports": 1, "audit": 1, "billing": 1}
    _settled(run, shop=2, reports=0)


def _settled(run, **counts):
    """Wait until Prometheus has seen these numbers of open connections."""
    for job, count in counts.items():
        eventually(lambda job=job, count=count: _seen(run, job) == count, within=30)
    _after_a_scrape(run.prometheus)


def _seen(run, job):
    return sum(value for _, value in run.prometheus.query(OPEN % job))


def _after_a_scrape(prometheus):
    """Wait for a scrape of every target that began after now; return the time."""
    before = prometheus.now()
    eventually(lambda: prometheus.number("min(timestamp(up))") > before, within=30)
    # The rules are evaluated once a second.
    eventually(lambda: prometheus.now() > before + 2, within=30)
    return prometheus.now()
