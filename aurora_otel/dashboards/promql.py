"""PromQL over the telemetry, in terms of its definitions: no name is written out here.

A `Scope` says which series are shown: what a dashboard's variables choose, or the whole fleet.
"""

from __future__ import annotations

from dataclasses import dataclass

from aurora_otel.model.topology import Role
from aurora_otel.telemetry import names
from aurora_otel.telemetry.names import Metric
from aurora_otel.telemetry.prometheus import bucket, count, label, metric_name, total

# Grafana's windows: what a rate needs at the shown resolution, and all that is shown.
RATE = "$__rate_interval"
RANGE = "$__range"

# The time from one shown point to the next: windows of this length neither overlap nor leave gaps.
STEP = "$__interval"

# Prometheus's own labels: the service, and which of its processes.
JOB = "job"
INSTANCE = "instance"
PROCESS = f"{JOB}, {INSTANCE}"
CLUSTER = label(names.CLUSTER_ID)
AURORA_INSTANCE = label(names.INSTANCE_ID)


def is_(attribute: str, value: str) -> str:
    """Return the matcher of one value."""
    return f'{label(attribute)}="{value}"'


def sum_by(labels: str, vector: str) -> str:
    """Return a sum by labels; without any, the sum of all."""
    return f"sum by ({labels}) ({vector})" if labels else f"sum({vector})"


def max_by(labels: str, vector: str) -> str:
    """Return a maximum by labels."""
    return f"max by ({labels}) ({vector})"


def _from_birth(series: str, window: str) -> str:
    """Return how much `series` grew; what is younger than the window counts as it is.

    `increase` does not see the event that a series was born with.
    """
    return f"(({series} unless {series} offset {window}) or increase({series}[{window}]))"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which series are shown.

    Attributes:
        process: matchers of service and process.
        cluster: matchers of the cluster, which the metrics of pools do not have.
    """

    process: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()

    def of(self, metric: Metric, *matchers: str) -> str:
        """Return the series of a metric that is no histogram."""
        return self.select(metric_name(metric), *self.cluster, *matchers)

    def buckets(self, metric: Metric, *matchers: str) -> str:
        """Return the buckets of a histogram."""
        return self.select(bucket(metric), *self.cluster, *matchers)

    def select(self, name: str, *matchers: str) -> str:
        """Return the series of a name, whatever their cluster."""
        chosen = ", ".join((*self.process, *matchers))
        return f"{name}{{{chosen}}}" if chosen else name

    def increase(self, metric: Metric, window: str, *matchers: str) -> str:
        """Return how much each series of a counter grew; it extrapolates."""
        return f"increase({self.of(metric, *matchers)}[{window}])"

    def increase_from_birth(self, metric: Metric, window: str, *matchers: str) -> str:
        """Return how much each series of a counter grew whose series are born with an event.

        As those are that have an error's type: none of them can be 0 before.
        """
        return _from_birth(self.of(metric, *matchers), window)

    def measured(self, metric: Metric, window: str, *matchers: str) -> str:
        """Return how many measurements each series of a histogram gained, its first included."""
        return _from_birth(self.select(count(metric), *self.cluster, *matchers), window)

    def average(self, metric: Metric, by: str) -> str:
        """Return the average of what a histogram measured lately; nothing where it was nothing."""
        seconds, number = (
            sum_by(by, f"rate({self.select(name(metric), *self.cluster)}[{RATE}])")
            for name in (total, count)
        )
        return f"{seconds} / ({number} > 0)"

    def gained(self, series: str, window: str) -> str:
        """Return by how much series of a histogram grew, exactly; from 0 if they are new."""
        return (
            f"(({series} unless {series} offset {window}) or ({series} - {series} offset {window}))"
        )

    def durations(self, metric: Metric, window: str) -> str:
        """Return how long each process took, of what it measured within `window`; else nothing."""
        by = f"{PROCESS}, {CLUSTER}"
        seconds, number = (
            sum_by(by, self.gained(self.select(name(metric), *self.cluster), window))
            for name in (total, count)
        )
        return f"({seconds} / ({number} > 0))"

    def quantile(self, share: float, metric: Metric, *by: str) -> str:
        """Return a quantile of all that was ever measured.

        From the cumulative buckets as they are: over the rate of a rare event it is NaN.
        """
        buckets = sum_by(", ".join(("le", *by)), self.buckets(metric))
        return f"histogram_quantile({share}, {buckets})"

    def failovers(self, window: str) -> str:
        """Return the failovers of each cluster: every process counts the same one."""
        counted = self.increase(names.FAILOVERS, window)
        return max_by(CLUSTER, sum_by(f"{CLUSTER}, {PROCESS}", counted))

    def stale(self, *by: str) -> str:
        """Return the connections that their process knows to be stale."""
        return sum_by(", ".join(by), self.of(names.STALE))

    def unaware(self, window: str) -> str:
        """Return the connections of processes that missed a failover which others went through.

        They hold some to an instance that they still take for the writer, and none of the
        processes that counted a failover within `window` does.
        """
        believed = sum_by(
            f"{PROCESS}, {CLUSTER}, {AURORA_INSTANCE}",
            self.of(names.COUNT, is_(names.INSTANCE_ROLE, Role.WRITER.value)),
        )
        counted = sum_by(f"{PROCESS}, {CLUSTER}", self.increase(names.FAILOVERS, window))
        informed = f"(({believed} > 0)\nand on ({PROCESS}, {CLUSTER}) ({counted} > 0))"
        return (
            f"({believed} > 0)"
            f"\nand on ({CLUSTER}) {informed}"
            f"\nunless on ({CLUSTER}, {AURORA_INSTANCE}) {informed}"
        )

    def writer(self) -> str:
        """Return how many processes take which instance for the writer.

        What they have learnt lately counts; where none has learnt anything, what they knew last.
        """
        learnt = sum_by(f"{CLUSTER}, {AURORA_INSTANCE}", self.of(names.WRITER))
        held = self.of(names.COUNT, is_(names.INSTANCE_ROLE, Role.WRITER.value))
        known = f"count by ({CLUSTER}, {AURORA_INSTANCE}) ({held} > 0)"
        return f"({learnt} > 0)\nor on ({CLUSTER}) {known}"


FLEET = Scope()
SHOWN = Scope(
    (f'{JOB}=~"$job"', f'{INSTANCE}=~"$instance"'),
    (f'{CLUSTER}=~"$cluster"',),
)
