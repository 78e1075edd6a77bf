"""One cluster: what is known of its instances and its writer.

Times are seconds of the monotonic clock.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Set
from typing import TYPE_CHECKING

from aurora_otel.model.detector import Detector
from aurora_otel.model.endpoints import Address, Endpoint, EndpointType
from aurora_otel.model.groups import OTHER, UNKNOWN, Group
from aurora_otel.model.straight import Whereabouts
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Answer, EventKind, Role, View, WriterClaim

if TYPE_CHECKING:
    from aurora_otel.discovery.source import TopologySource
    from aurora_otel.monitoring.monitor import ClusterMonitor

# More instances than Aurora allows in a cluster (16): what exceeds this is not an Aurora's answer.
MOST_INSTANCES = 64

_numbers = itertools.count()


class Cluster:
    """One cluster, as this process knows it.

    Attributes:
        label: its name in telemetry; fixed, once it does not await its name.
        former_label: what it was called until the RDS API named it.
        system: `db.system.name`.
        detector: what is known of its writer.
        monitor: refreshes its topology; set before the cluster is in use.
        domain: the RDS domain of its instances, if that is known.
        is_named_by_rds: whether its instances are reached by RDS's own names alone: bare names in
            the settings turned out to mean others.
        alert: whether a call has something to do first: a refresh window is open, or there are
            connections to be identified. The one thing that a healthy call checks.
        instances: the instances that have a name in telemetry, oldest first.
        forgotten: names that made room for others: their figures move to `other`.
        members: the instances that its writer listed last, and those that were met since.
        named: the writer that a view named last: what there is to go by until one is known.
        source: the kind of cluster that it is, once one of its instances has identified itself.
        max_connections: how many connections its largest server allows, of those that said so.
        claims: by instance, what it said when it last answered, if it claimed to be the writer.
        lineage: what all its instances answer alike, if that is known; see `Answer.lineage`.
        addresses: by instance, its own address, where it was reached there; see
            `model.peers.own_address`.
        places: where else members may be reached, the latest first.
        rivals: those that accepted writes beside the writer where one of them alone should be, and
            until when they are left alone.
        is_overflow: whether it stands for all clusters beyond the limit: it is never judged.
        is_lumped: whether its figures are reported under `other`, its instances with them.
        view: whether its instances may be asked how they see the others.
        whereabouts: where the known writer confirmed itself, if that is known.
        writer_names: the hosts and ports by which applications connect to its writer.
        known_at: when something was last learnt of its writer, in monotonic seconds.
        used_at: when a connection to it was last opened, in monotonic seconds.
        drivers: the drivers that connected, and through which types of endpoint.
        reported: instance, role and driver that a metric ever showed: it goes on showing them.
        failovers: by the symptom that led to it.
        disagreements: how often the RDS API named another writer than the instances did.
        events: the RDS API's events of failovers, by kind.
        awaits_name: whether the RDS API is being asked for its name: no metric shows it yet.
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
        self.is_named_by_rds = False
        self.alert = False
        # Until then there are connections whose instance is unknown, and may be asked for.
        self._identify_until = float("-inf")
        self.is_ours = True
        self.is_overflow = False
        self.is_lumped = False
        self.merged_into: Cluster | None = None
        self.absorbed: list[Cluster] = []
        self.instances: dict[str, None] = {}
        self.forgotten: deque[str] = deque()
        self.members: dict[str, None] = {}
        self.named: str | None = None
        self.source: TopologySource | None = None
        self.view = False
        self.max_connections: int | None = None
        self.claims: dict[str, WriterClaim] = {}
        self.lineage: str | None = None
        self.addresses: dict[str, Address] = {}
        self.places: dict[Address, None] = {}
        self.rivals: dict[str, float] = {}
        self.whereabouts: Whereabouts | None = None
        self.writer_names: dict[Address, None] = {}
        self.known_at = float("-inf")
        self.used_at = float("-inf")
        self.drivers: dict[tuple[str, EndpointType], None] = {}
        self.reported: dict[tuple[str, Role, str], None] = {}
        self.failovers: Counter[Symptom] = Counter()
        self.disagreements = 0
        self.events: Counter[EventKind] = Counter()
        self.awaits_name = False
        self._groups: dict[Group, Group] = {}

    def learn(self, instances: Iterable[str], now: float, *, by_writer: bool = False) -> None:
        """Take note of instances.

        Args:
            instances: their identifiers.
            now: seconds of the monotonic clock.
            by_writer: whether the writer itself listed them: what is not among them is gone.
        """
        found = dict.fromkeys(itertools.islice(instances, MOST_INSTANCES))
        # The latest first: names that no writer confirms do not pile up.
        merged = found if by_writer else {**found, **self.members}
        self.members = dict.fromkeys(itertools.islice(merged, MOST_INSTANCES))
        for instance in found:
            self._name(instance)
        self.known_at = now

    def note_view(self, view: View) -> None:
        """Take note of how an instance sees the others."""
        self.named = view.writer or self.named
        self.domain = self.domain or view.domain
        self.note_places((), view.addresses)

    def note_limit(self, limit: int | None) -> None:
        """Take note of how many connections one of its servers allows, if it says so."""
        self.max_connections = max(self.max_connections or 0, limit or 0) or None

    def note_answer(self, answer: Answer, at: float) -> None:
        """Take note of whether an instance claims to be the writer."""
        self.note_claims({answer.instance: answer.epoch if answer.is_writer else None}, at)

    def note_claims(self, claims: Mapping[str, int | None], at: float) -> None:
        """Take note of which instances claim to be the writer, at which epoch.

        Args:
            claims: by instance; `None`: it says that it is not.
            at: when they were asked: what one said later stays.
        """
        for instance, epoch in claims.items():
            known = self.claims.get(instance)
            if known is not None and at < known.at:
                continue
            self.claims.pop(instance, None)
            if epoch is not None:
                self.claims[instance] = WriterClaim(epoch, at)
        for instance in list(self.claims)[:-MOST_INSTANCES]:
            self.claims.pop(instance, None)

    def note_rivals(self, instances: Iterable[str], until: float) -> None:
        """Leave instances alone until then: each accepts writes, as the known writer does."""
        known = {**self.rivals, **dict.fromkeys(instances, until)}
        self.rivals = dict(list(known.items())[-MOST_INSTANCES:])

    def is_rival(self, instance: str, now: float) -> bool:
        """Return whether an instance is known to accept writes beside the writer."""
        return now < self.rivals.get(instance, now)

    def note_places(
        self, places: Collection[Address], direct: Mapping[str, Address] | None = None
    ) -> None:
        """Take note of where members may be reached.

        Args:
            places: where any of them may be.
            direct: by instance, its own address.
        """
        if places:
            merged = {**dict.fromkeys(places), **self.places}
            self.places = dict.fromkeys(itertools.islice(merged, MOST_INSTANCES))
        if direct:
            known = {**direct, **self.addresses}
            self.addresses = dict(itertools.islice(known.items(), MOST_INSTANCES))

    def _name(self, instance: str) -> None:
        """Give `instance` a name in telemetry; the oldest that is not listed goes."""
        if instance in self.instances:
            return
        if len(self.instances) >= MOST_INSTANCES:
            kept = {*self.members, self.detector.writer}
            gone = next((name for name in list(self.instances) if name not in kept), None)
            if gone is None:
                return
            self.instances.pop(gone, None)
            self.forgotten.append(gone)
        self.instances[instance] = None

    def take_over(self, other: Cluster) -> None:
        """Know what `other` knows: it turned out to be this one."""
        other.merged_into = self
        self.learn(other.members, max(self.known_at, other.known_at))
        for instance in list(other.instances):
            self._name(instance)
        self.source = self.source or other.source
        self.view = self.view or other.view
        self.lineage = self.lineage or other.lineage
        self.note_limit(other.max_connections)
        self.detector.spares_doubtful |= other.detector.spares_doubtful
        for instance, claim in other.claims.copy().items():
            self.note_claims({instance: claim.epoch}, claim.at)
        self.note_places(other.places, other.addresses)
        self.named = self.named or other.named
        self.domain = self.domain or other.domain
        self.writer_names.update(other.writer_names)
        self.whereabouts = self.whereabouts or other.whereabouts
        self.used_at = max(self.used_at, other.used_at)
        self.drivers.update(other.drivers)
        self.absorbed += [other, *other.absorbed]
        if other.detector.writer is not None:
            self.detector.introduce(other.detector.writer, other.known_at)

    @property
    def likely_writer(self) -> str | None:
        """The known writer or, without one, the instance that was named as the writer last."""
        return self.detector.writer or self.named

    @property
    def has_topology(self) -> bool:
        """Whether its instances can be asked which of them is the writer."""
        return self.source is not None

    def identify_until(self, until: float) -> None:
        """Have calls ask connections whose instance is unknown, until then."""
        self._identify_until = until
        self.alert = True

    def calm(self, now: float) -> None:
        """Allow calls without a refresh, unless a symptom has opened the window meanwhile."""
        self.alert = False
        if self.detector.window_open(now) or now < self._identify_until:
            self.alert = True

    @property
    def current(self) -> Cluster:
        """The cluster itself, or the one that has taken it over."""
        cluster = self
        while cluster.merged_into is not None:
            cluster = cluster.merged_into
        return cluster

    def instance_label(self, instance: str | None) -> str:
        """Return the name of `instance` in telemetry; at most 64 names in all."""
        if self.is_lumped:
            return OTHER
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
        """Set the cluster's label; only the tracker does that."""
        self.former_label, self.label = self.label, label
        self._groups.clear()

    def drop_names(self, names: Set[str]) -> None:
        """Drop what was kept for instances that are reported under `other` from now on."""
        for key in [key for key in list(self.reported) if key[0] in names]:
            self.reported.pop(key, None)
        for group in [group for group in list(self._groups) if group.instance in names]:
            self._groups.pop(group, None)

    @property
    def kind(self) -> str:
        """What telemetry calls the kind of cluster that it is."""
        return self.source.kind if self.source else UNKNOWN

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of every span and log record about it; of metrics, all but the kind."""
        return {
            "aurora.cluster.id": self.label,
            "aurora.cluster.kind": self.kind,
            "db.system.name": self.system,
        }

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


def first_label(endpoint: Endpoint, name: str | None) -> str:
    """Return the name of a new cluster in telemetry.

    Args:
        endpoint: what the application connected to first.
        name: the settings' name for it, if they have one.
    """
    return name or (endpoint.name if endpoint.cluster and endpoint.name else endpoint.address.host)
