"""A typed, printable view of what is tracked where: for health endpoints and debuggers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aurora_otel.drivers import untracked
from aurora_otel.model.groups import Outcome
from aurora_otel.model.topology import Role
from aurora_otel.settings import Resolved
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.tracker import Tracker
from aurora_otel.version import __version__

if TYPE_CHECKING:
    from aurora_otel.agent import Agent


_OBSERVED = Outcome.OBSERVED.value


@dataclass(frozen=True, slots=True)
class InstanceSnapshot:
    """One instance of a cluster.

    Attributes:
        id: its identifier, or `unknown` for connections that were not identified.
        role: its role by what is known now.
        connections: open connections by driver.
        stale: how many of them are stale.
    """

    id: str
    role: Role
    connections: Mapping[str, int]
    stale: int


@dataclass(frozen=True, slots=True)
class InvalidationSnapshot:
    """Connections that were found stale, since the agent started.

    Attributes:
        instance: the instance that they pointed to.
        driver: their driver.
        cause: why they were stale, as `aurora.invalidation.cause`.
        outcome: `closed`, `failed`, or `observed`: it would have been closed in the mode `cleanup`.
        count: how many.
    """

    instance: str
    driver: str
    cause: str
    outcome: str
    count: int

    def __str__(self) -> str:
        what = "would have been closed" if self.outcome == _OBSERVED else self.outcome
        return f"{self.count} {self.driver} to {self.instance} {what}: {self.cause}"


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """One cluster.

    Attributes:
        id: its name in telemetry.
        system: `db.system.name`.
        kind: of the cluster, as `aurora.cluster.kind`.
        writer: the known writer, if there is one.
        window_open: whether a symptom has opened the refresh window.
        failovers: how many changes of the writer this process has seen.
        instances: its instances, the writer first.
        invalidations: the connections that were found stale, and what came of them.
    """

    id: str
    system: str
    kind: str
    writer: str | None
    window_open: bool
    failovers: int
    instances: tuple[InstanceSnapshot, ...]
    invalidations: tuple[InvalidationSnapshot, ...] = ()

    @property
    def connections(self) -> int:
        """How many connections are open, on all instances and drivers."""
        return sum(sum(each.connections.values()) for each in self.instances)


@dataclass(frozen=True, slots=True)
class SettingSnapshot:
    """A setting that does not have its default by itself.

    Attributes:
        value: as it was written.
        source: where: a variable `AURORA_OTEL_…`, `OTEL_CONFIG_FILE`, or an argument of
            `instrument()`.
    """

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an agent tracks at one moment.

    Attributes:
        active: whether an agent is running.
        mode: `cleanup` or `observe`; without an agent `off`, where that was set, or empty.
        clusters: the clusters that the process has met.
        internal_failures: failures inside the agent, by kind; none is what should be there.
        untracked: open connections that are not tracked, by driver: most were opened before
            `instrument()`; `None` unless they were asked for.
        settings: by lower-case name, what was set, and where.
        version: of aurora-otel.
        patched: the drivers and pools that are imported and patched.
    """

    active: bool
    mode: str
    clusters: tuple[ClusterSnapshot, ...]
    internal_failures: Mapping[str, int]
    untracked: Mapping[str, int] | None = None
    settings: Mapping[str, SettingSnapshot] = field(default_factory=dict)
    version: str = __version__
    patched: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.active:
            return "\n".join(["aurora-otel is not active", *self._settings()])
        lines = [f"aurora-otel is active, mode {self.mode}"]
        for cluster in self.clusters:
            window = ", refresh window open" if cluster.window_open else ""
            lines.append(
                f"cluster {cluster.id} ({cluster.system}, {cluster.kind}): "
                f"{cluster.connections} connections, {cluster.failovers} failovers{window}"
            )
            for instance in cluster.instances:
                drivers = ", ".join(f"{n} {name}" for name, n in instance.connections.items() if n)
                stale = f", {instance.stale} stale" if instance.stale else ""
                lines.append(f"  {instance.role.value:8}{instance.id}: {drivers or 'none'}{stale}")
            lines += [f"  {each}" for each in cluster.invalidations]
        lines += [f"not tracked: {n} of {name}" for name, n in (self.untracked or {}).items() if n]
        lines += [f"internal failure ({n}): {what}" for what, n in self.internal_failures.items()]
        lines.append(f"version {self.version}, patched: {', '.join(self.patched) or 'nothing yet'}")
        return "\n".join([*lines, *self._settings()])

    def _repr_html_(self) -> str:
        """Return the snapshot for a notebook."""
        import html  # noqa: PLC0415 - imported only when used

        return f"<pre>{html.escape(str(self))}</pre>"

    def _settings(self) -> list[str]:
        return [
            f"setting {name} = {setting.value} ({setting.source})"
            for name, setting in self.settings.items()
        ]


def inactive(resolved: Resolved | None) -> Snapshot:
    """Return that there is no agent.

    Args:
        resolved: the settings, if `instrument()` was called.
    """
    mode = resolved.settings.mode.value if resolved else ""
    return Snapshot(
        active=False, mode=mode, clusters=(), internal_failures={}, settings=_settings(resolved)
    )


_KILL_SWITCH = "the kill switch is on"


def of(
    agent: Agent,
    resolved: Resolved | None,
    patched: Iterable[str],
    now: float,
    *,
    count_untracked: bool = False,
) -> Snapshot:
    """Return what an agent tracks.

    Args:
        agent: the agent.
        resolved: its settings.
        patched: the drivers and pools that are patched.
        now: seconds of the monotonic clock.
        count_untracked: whether to count what it does not track, too.
    """
    agent.is_here()
    with agent.tracker.settled():
        clusters = tuple(_cluster(agent.tracker, each, now) for each in agent.clusters)
    return Snapshot(
        active=True,
        mode=agent.settings.mode.value,
        clusters=clusters,
        internal_failures=dict(agent.shield.failures),
        untracked=untracked.count() if count_untracked else None,
        settings=_settings(resolved) | _killed(agent),
        patched=tuple(sorted(patched)),
    )


def _killed(agent: Agent) -> dict[str, SettingSnapshot]:
    if not agent.is_killed:
        return {}
    return {"mode": SettingSnapshot(agent.settings.mode.value, _KILL_SWITCH)}


def _settings(resolved: Resolved | None) -> dict[str, SettingSnapshot]:
    origins = resolved.origins if resolved else {}
    return {name: SettingSnapshot(each.text, each.source) for name, each in origins.items()}


def _cluster(tracker: Tracker, cluster: Cluster, now: float) -> ClusterSnapshot:
    connections: dict[str, Counter[str]] = {name: Counter() for name in list(cluster.instances)}
    for group, tracks in tracker.open(cluster).items():
        if tracks:
            connections.setdefault(group.instance, Counter())[group.driver] += len(tracks)
    stale = Counter(track.group.instance for track in tracker.stale(cluster))
    instances = [
        InstanceSnapshot(name, cluster.role(name), dict(by_driver), stale[name])
        for name, by_driver in connections.items()
    ]
    order = list(Role)
    instances.sort(key=lambda each: (order.index(each.role), each.id))
    return ClusterSnapshot(
        cluster.label,
        cluster.system,
        cluster.kind,
        cluster.detector.writer,
        cluster.detector.window_open(now),
        sum(cluster.failovers.values()),
        tuple(instances),
        tuple(
            InvalidationSnapshot(group.instance, group.driver, cause.value, outcome.value, count)
            for group, book in tracker.books.items()
            if group.cluster == cluster.label
            for (cause, outcome), count in book.invalidations.items()
        ),
    )
