"""Clusters: what belongs together, and what is known of each.

A cluster is known by its cluster endpoint, or by the instances that its topology lists; never by
the DNS hash alone, which all clusters of an account share. One that is known only through names
that are neither RDS's nor explained by a setting is never merged with another.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from aurora_otel.model.detector import Detector
from aurora_otel.model.endpoints import Address, Endpoint, EndpointMap, EndpointType
from aurora_otel.model.groups import Group
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import EventKind, Role

if TYPE_CHECKING:
    from aurora_otel.discovery.source import TopologySource
    from aurora_otel.monitoring.monitor import ClusterMonitor

UNKNOWN = "unknown"
# More instances than Aurora allows in a cluster (16): what exceeds this is not an Aurora's answer.
MOST_INSTANCES = 64
# So many names of instances lead to one cluster: readers come and go with the load for months.
MOST_NAMES = 1024

_numbers = itertools.count()


class Cluster:
    """One cluster, as this process knows it.

    Attributes:
        label: its name in telemetry; fixed, once it does not await its name.
        former_label: what it was called until the RDS API named it.
        system: `db.system.name`.
        detector: what is known of its writer.
        monitor: refreshes its topology; there before anybody else sees the cluster.
        domain: the RDS domain of its instances, if that is known.
        alert: whether a refresh window is open; the one thing that a healthy call checks.
        instances: the instances that were ever known, oldest first: their names in telemetry.
        members: the instances that are there, as the writer lists them, and whoever was met since.
        source: the kind of cluster that it is, once one of its instances has said who it is.
        view: whether its instances may be asked how they see the others.
        known_at: when something was last learnt of its writer, in monotonic seconds.
        drivers: the drivers that connected, and through which types of endpoint.
        reported: instance, role and driver that a metric ever showed: it goes on showing them.
        failovers: by the symptom that led to it.
        disagreements: how often the RDS API named another writer than the instances did.
        events: what the RDS API told of failovers, by kind.
        awaits_name: whether the RDS API is being asked what it is called: no metric shows it yet.
        names: how many names of instances led to it first.
        is_ours: whether it belongs to the running agent of this process: not after a fork.
        merged_into: the cluster that has taken it over, if it turned out to be one with another.
        absorbed: those that it has taken over: what they reported goes on being reported.
    """

    monitor: ClusterMonitor

    def __init__(self, label: str, system: str, detector: Detector) -> None:
        self.number = next(_numbers)
        self.label = label
        self.former_label: str | None = None
        self.system = system
        self.detector = detector
        self.domain: str | None = None
        self.alert = False
        self.is_ours = True
        self.merged_into: Cluster | None = None
        self.absorbed: list[Cluster] = []
        self.instances: dict[str, None] = {}
        self.members: dict[str, None] = {}
        self.source: TopologySource | None = None
        self.view = False
        self.known_at = float("-inf")
        self.drivers: dict[tuple[str, EndpointType], None] = {}
        self.reported: dict[tuple[str, Role, str], None] = {}
        self.failovers: Counter[Symptom] = Counter()
        self.disagreements = 0
        self.events: Counter[EventKind] = Counter()
        self.awaits_name = False
        self.names = 0
        self._groups: dict[Group, Group] = {}

    def learn(self, instances: Iterable[str], now: float, *, by_writer: bool = False) -> None:
        """Take note of instances.

        Args:
            instances: their identifiers.
            now: seconds of the monotonic clock.
            by_writer: whether the writer itself listed them: who is not among them is gone.
        """
        found = dict.fromkeys(itertools.islice(instances, MOST_INSTANCES))
        # The latest first: names that no writer confirms do not pile up.
        merged = found if by_writer else {**found, **self.members}
        self.members = dict.fromkeys(itertools.islice(merged, MOST_INSTANCES))
        for instance in found:
            if len(self.instances) >= MOST_INSTANCES:
                break
            self.instances.setdefault(instance)
        self.known_at = now

    def take_over(self, other: Cluster) -> None:
        """Know what `other` knows: it turned out to be this one."""
        other.merged_into = self
        self.learn(other.instances, max(self.known_at, other.known_at))
        self.source = self.source or other.source
        self.view = self.view or other.view
        self.domain = self.domain or other.domain
        self.drivers.update(other.drivers)
        self.absorbed += [other, *other.absorbed]
        if other.detector.writer is not None:
            self.detector.introduce(other.detector.writer)

    @property
    def has_topology(self) -> bool:
        """Whether its instances can be asked which of them is the writer."""
        return self.source is not None

    def calm(self, now: float) -> None:
        """Let calls go on without a look, unless a symptom has opened the window meanwhile."""
        self.alert = False
        if self.detector.window_open(now):
            self.alert = True

    @property
    def current(self) -> Cluster:
        """The cluster itself, or the one that has taken it over."""
        cluster = self
        while cluster.merged_into is not None:
            cluster = cluster.merged_into
        return cluster

    def instance_label(self, instance: str | None) -> str:
        """Return what `instance` is called in telemetry; at most 64 names in all."""
        if instance is None or instance not in self.instances:
            return UNKNOWN
        return instance

    def regroup(self, group: Group) -> Group:
        """Return what connections of `group` are counted by, now that the cluster is named."""
        if group.cluster != self.former_label:
            return group
        group = group._replace(cluster=self.label)
        return self._groups.setdefault(group, group)

    def rename(self, label: str) -> None:
        """Be called `label` from now on; only the tracker does that."""
        self.former_label, self.label = self.label, label
        self._groups.clear()

    @property
    def attributes(self) -> dict[str, str]:
        """What every span, metric and log record about it carries."""
        return {"aurora.cluster.id": self.label, "db.system.name": self.system}

    def role(self, instance: str | None) -> Role:
        """Return the role that `instance` has by what is known now."""
        if instance is None or self.detector.writer is None or instance not in self.instances:
            return Role.UNKNOWN
        return Role.WRITER if instance == self.detector.writer else Role.READER

    def group(self, instance: str | None, role: Role, driver: str, kind: EndpointType) -> Group:
        """Return the group of a new connection; one object for all of the same."""
        label = self.instance_label(instance)
        group = Group(self.label, self.system, label, role, driver, kind)
        self.drivers.setdefault((driver, kind))
        return self._groups.setdefault(group, group)

    def __repr__(self) -> str:
        return f"<Cluster {self.label}>"


class Clusters:
    """Every cluster that this process has met.

    Read and extended from hooks, without a lock: each step is one atomic operation on a dict. Two
    threads that meet one cluster at the same moment may make two objects of it; binding finds that
    out and queues the pair in `duplicates`.

    Args:
        endpoints: what the settings say of host names.
        create: makes the object of a new cluster out of its endpoint and `db.system.name`.
    """

    def __init__(self, endpoints: EndpointMap, create: Callable[[Endpoint, str], Cluster]) -> None:
        self.endpoints = endpoints
        self.duplicates: deque[tuple[Cluster, Cluster]] = deque()
        self._create = create
        self._by_endpoint: dict[Any, Cluster] = {}
        self._by_instance: dict[tuple[str, str], Cluster] = {}

    def __iter__(self) -> Iterator[Cluster]:
        """Iterate over the clusters, each once, oldest first."""
        return iter(sorted(set(self._by_endpoint.copy().values()), key=lambda c: c.number))

    def find(self, endpoint: Endpoint) -> Cluster | None:
        """Return the cluster that `endpoint` is known to lead to."""
        if found := self._by_endpoint.get(_key(endpoint)):
            return found
        return self._of_instance(endpoint.instance, endpoint.domain)

    def resolve(
        self,
        endpoint: Endpoint,
        system: str,
        instance: str | None = None,
        instances: Iterable[str] = (),
    ) -> Cluster:
        """Return the cluster of a new connection, a new one if need be.

        Args:
            endpoint: what the application connected to.
            system: `db.system.name`.
            instance: where the connection landed, if that is known.
            instances: the instances of its topology, if that was read.
        """
        members = dict.fromkeys([*([instance] if instance else []), *instances])
        found = self.find(endpoint)
        for member in members:
            found = found or self._of_instance(member, endpoint.domain)
        if found is None:
            created = self._create(endpoint, system)
            found = self._by_endpoint.setdefault(_key(endpoint), created)
        self.bind(found, endpoint, members)
        return found

    def bind(self, cluster: Cluster, endpoint: Endpoint, instances: Iterable[str]) -> None:
        """Write down that `endpoint` and `instances` belong to `cluster`."""
        if cluster.domain is None and endpoint.domain:
            cluster.domain = endpoint.domain
        self._claim(self._by_endpoint, _key(endpoint), cluster)
        for instance in instances:
            key = (self.endpoints.namespace(instance, endpoint.domain), instance)
            if key[0] is None or (key not in self._by_instance and cluster.names >= MOST_NAMES):
                continue
            cluster.names += key not in self._by_instance
            self._claim(self._by_instance, key, cluster)

    def merge_duplicates(self) -> list[tuple[Cluster, Cluster]]:
        """Make one of each pair found to be one cluster; return them as (winner, loser)."""
        settled = []
        while self.duplicates:
            pair = (cluster.current for cluster in self.duplicates.popleft())
            winner, loser = sorted(pair, key=lambda c: c.number)
            if winner is loser:
                continue
            for index in (self._by_endpoint, self._by_instance):
                for key, cluster in list(index.items()):
                    if cluster is loser:
                        index[key] = winner
            winner.take_over(loser)
            settled.append((winner, loser))
        return settled

    def _of_instance(self, instance: str | None, domain: str | None) -> Cluster | None:
        scope = self.endpoints.namespace(instance, domain) if instance else None
        return self._by_instance.get((scope, instance)) if scope and instance else None

    def _claim(self, index: dict[Any, Cluster], key: Any, cluster: Cluster) -> None:
        owner = index.setdefault(key, cluster)
        if owner is not cluster:
            self.duplicates.append((owner, cluster))


def _key(endpoint: Endpoint) -> str | Address:
    return endpoint.cluster or endpoint.address


def label(endpoint: Endpoint, name: str | None) -> str:
    """Return what a new cluster is called in telemetry.

    Args:
        endpoint: what the application connected to first.
        name: what the settings call it, if they do.
    """
    return name or (endpoint.name if endpoint.cluster and endpoint.name else endpoint.address.host)
