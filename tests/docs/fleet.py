"""What one process exports, for a cluster of some size: the figures of `many-processes.md`."""

import gzip

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.topology import Source, Verdict
from aurora_otel.settings import Settings
from aurora_otel.telemetry import agent_names, names
from aurora_otel.telemetry.metrics import Instruments
from aurora_otel.telemetry.observations import observe
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.track import Track
from aurora_otel.tracking.tracker import Tracker

SYSTEM = "postgresql"
CLUSTER = "orders"
DRIVER = "psycopg"


class Connection:
    """Something that can be referred to weakly."""


class Process:
    """One process with one driver, a connection through the writer endpoint, and its exports."""

    def __init__(self, instances):
        self._tracker = Tracker()
        self._instances = tuple(f"orders-{number}" for number in range(1, instances + 1))
        self._cluster = Cluster(CLUSTER, SYSTEM, Detector(Pace(180.0, 1.0), lambda: 0.5))
        self._cluster.source = AuroraPostgreSQL()
        self._cluster.learn(self._instances, 0.0)
        self._cluster.detector.introduce(self._instances[0])
        self._cluster.drivers[DRIVER, EndpointType.WRITER] = None
        self._connections = []
        self._reader = InMemoryMetricReader()
        self._instruments = Instruments(MeterProvider([self._reader]))
        self._instruments.source = self._observe
        self._open(self._instances[0])

    def _observe(self):
        settings = Settings.resolve({}, {})
        of_cluster = observe(self._tracker, [self._cluster], settings, 0.0)
        return {**of_cluster, agent_names.INFO.name: agent_names.info(settings.mode)}

    def _open(self, instance):
        connection = Connection()
        role = self._cluster.role(instance)
        track = Track(
            connection,
            self._tracker.collected,
            group=self._cluster.group(instance, role, DRIVER, EndpointType.WRITER),
            cluster=self._cluster,
            instance=instance,
            opened_at=0.0,
            socket=None,
        )
        self._connections.append((connection, track))
        self._tracker.note(track)
        self._tracker.drain()
        self._record(names.REFRESH, **{names.TOPOLOGY_SOURCE: Source.SQL.value})
        where = {names.INSTANCE_ID: instance, names.DRIVER: DRIVER}
        self._record(names.OPEN_DURATION, **where)

    def fail_over(self):
        """Go through a failover to the second instance, noticed by one symptom."""
        self.series()  # what was reported before goes on being reported
        old = self._connections.pop()[1]
        old.closed = True
        self._tracker.note(old)
        self._cluster.detector.judge(Verdict(self._instances[1], self._instances, 1.0))
        self._open(self._instances[1])
        self._record(names.LIFETIME, **{names.DRIVER: DRIVER})
        self._record(names.DETECTION, **{names.SYMPTOM: "read_only"})
        self._record(names.CLEANUP)

    def _record(self, metric, **attributes):
        common = {names.CLUSTER_ID: CLUSTER, names.DB_SYSTEM_NAME: SYSTEM}
        self._instruments.record(metric, 0.1, {**common, **attributes})

    def series(self):
        """How many series Prometheus has of it, by the metric's name."""
        found = {}
        for metric in self._metrics():
            for point in metric.data.data_points:
                # A histogram: one for each bucket and for +Inf, sum, count.
                buckets = getattr(point, "bucket_counts", ())
                found[metric.name] = found.get(metric.name, 0) + (
                    len(buckets) + 2 if buckets else 1
                )
        return found

    def export(self):
        """Bytes of one OTLP export, plain and compressed."""
        body = encode_metrics(self._reader.get_metrics_data()).SerializeToString()
        return len(body), len(gzip.compress(body))

    def _metrics(self):
        data = self._reader.get_metrics_data()
        return [
            metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
