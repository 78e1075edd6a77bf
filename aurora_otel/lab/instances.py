"""The servers of a cluster: who writes, who is down, and how they change places."""

from __future__ import annotations

import functools
import time
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import TYPE_CHECKING

from aurora_otel.lab.errors import LabError
from aurora_otel.lab.failover import Failover, Switch
from aurora_otel.lab.membership import Topology

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from aurora_otel.lab.server import Server

_FOLLOW_PATIENCE = 3.0


class Condition(str, Enum):
    """How an instance is."""

    WRITER = "writer"
    READER = "reader"
    DEMOTED = "demoted"  # a former writer that refuses writes, with its sessions, in place
    HUNG = "hung"
    DOWN = "down"


class Instances:
    """The servers; the first one is the writer at first. Not thread-safe, but for reading.

    Args:
        servers: each server by its instance's identifier.
        demotes_in_place: whether a writer can become a reader and keep its sessions; else a
            switchover ends it in order, and brings it back as a reader.
        demotes_first: whether it is a reader before another one is the writer.
    """

    def __init__(
        self,
        servers: Mapping[str, Server],
        *,
        demotes_in_place: bool = True,
        demotes_first: bool = False,
    ) -> None:
        self._servers = servers
        self._demotes_in_place = demotes_in_place
        self._demotes_first = demotes_first
        self.writer = next(iter(servers))
        self._hung: set[str] = set()
        self._demoted: set[str] = set()
        self._read_only: set[str] = set()
        # Those that accept writes beside the writer.
        self._rivals: set[str] = set()

    @property
    def readers(self) -> tuple[str, ...]:
        """The live instances that are not the writer."""
        return tuple(item for item in self._servers if item != self.writer and self.live(item))

    @property
    def topology(self) -> Topology:
        """The truth."""
        return Topology(self.writer, self.readers)

    def live(self, instance: str) -> bool:
        """Return whether an instance is up and answers."""
        return instance not in self._hung and self.server(instance).running()

    def demoted(self, instance: str) -> bool:
        """Return whether an instance is a reader in name only: a writer demoted in place."""
        return instance in self._demoted

    def condition(self, instance: str) -> Condition:
        """Return how an instance is."""
        if instance == self.writer and self.live(instance):
            return Condition.WRITER
        if instance in self._hung:
            return Condition.HUNG
        if not self.live(instance):
            return Condition.DOWN
        return Condition.DEMOTED if self.demoted(instance) else Condition.READER

    def server(self, instance: str) -> Server:
        """Return the server of an instance; raises `ValueError` if there is none."""
        if instance not in self._servers:
            raise ValueError(
                f"instance must be one of {', '.join(self._servers)}; got {instance!r}"
            )
        return self._servers[instance]

    def create(self) -> None:
        """Make the writer and the readers."""
        writer, *readers = self._servers.values()
        writer.create()
        with ThreadPoolExecutor(len(self._servers)) as pool:
            tuple(pool.map(lambda reader: reader.clone(writer), readers))
        self._attach(item for item in self._servers if item != self.writer)

    def failover(
        self, kind: Failover, target: str | None, announce: Callable[[], float | None]
    ) -> Switch:
        """Make a reader the writer.

        Args:
            kind: what becomes of the old writer.
            target: the new writer; by default the first live reader.
            announce: called when the new writer accepts writes, and in a switchover the old one
                still does; returns when the topology named the new writer.

        Raises:
            LabError: there is no such reader.
        """
        old, new = self.writer, self._next_writer(target)
        others = [item for item in self.readers if item != new and item not in self._demoted]
        # Those that follow the new writer before it is one cannot be ahead of it.
        self._attach(others, new)
        self._catch_up(new)
        began, refused = time.monotonic(), None
        if kind is Failover.CRASH:
            self._servers[old].kill()
        elif kind is Failover.HANG:
            self._hung.add(old)
            self._servers[old].freeze()
        elif self._demotes_first:
            self._servers[old].demote()
            refused = time.monotonic() if self._demotes_in_place else None
        self._servers[new].promote()
        self.writer = new
        published = announce()
        if kind is Failover.SWITCHOVER and not self._demotes_in_place:
            others.append(old)
        elif kind is Failover.SWITCHOVER:
            self._demoted.add(old)
            if not self._demotes_first:
                self._servers[old].demote()
                refused = time.monotonic()
            self._read_only.discard(old)
        self._attach(others)
        return Switch(kind, old, new, began, published, refused)

    def promote(self, instance: str) -> None:
        """Make a reader accept writes; the writer stays as it is, and is one no longer in name."""
        if instance not in self.readers:
            raise LabError(f"no live reader: {instance!r}")
        self._servers[instance].promote()
        self._rivals.add(self.writer)
        self._rivals.discard(instance)
        self.writer = instance

    def thaw(self, instance: str) -> None:
        """Have a hung instance go on as what it was."""
        if instance not in self._hung:
            raise LabError(f"{instance} does not hang")
        self._servers[instance].thaw()
        self._hung.discard(instance)
        if instance != self.writer:
            self._rivals.add(instance)

    def set_read_only(self, instance: str, *, on: bool) -> None:
        """Make a writer, or one demoted in place, refuse writes by its own setting, or end that.

        Raises:
            LabError: it is a reader.
        """
        server = self.server(instance)
        if instance != self.writer and not self.demoted(instance):
            raise LabError(f"{instance} is a reader, which refuses writes anyway")
        if on:
            server.forbid_writes()
            self._read_only.add(instance)
        else:
            restore = server.demote if self.demoted(instance) else server.allow_writes
            restore()
            self._read_only.discard(instance)

    def renew(self, instance: str) -> None:
        """Make an instance a reader with the writer's data."""
        self._servers[instance].clone(self._servers[self.writer])
        self._read_only.discard(instance)
        self._demoted.discard(instance)
        self._hung.discard(instance)
        self._rivals.discard(instance)
        self._attach([instance])

    def rejoin(self, instance: str) -> None:
        """End an instance in order and makes it a real reader."""
        self._servers[instance].shut_down()
        self.renew(instance)

    def repair(self) -> None:
        """Bring every instance up, as a real reader of the writer, which accepts writes."""
        if self.writer in self._read_only:
            self.set_read_only(self.writer, on=False)
        for instance in self._servers:
            is_no_reader = self.demoted(instance) or instance in self._rivals
            if instance != self.writer and (is_no_reader or not self.live(instance)):
                self.renew(instance)
        self._attach(self.readers)

    def _next_writer(self, target: str | None) -> str:
        readers = self.readers
        if target is None and readers:
            target = readers[0]
        if target is None or target not in readers:
            raise LabError(
                f"target must be a live reader ({', '.join(readers) or 'there is none'});"
                f" got {target!r}"
            )
        if target in self._demoted:
            self.rejoin(target)
        return target

    def _catch_up(self, reader: str) -> None:
        """Wait for what the writer has written so far: on Aurora a failover loses none of it."""
        if self.live(self.writer):
            position = self._servers[self.writer].position()
            _wait_for(functools.partial(self._servers[reader].has_reached, position))

    def _attach(self, readers: Iterable[str], to: str | None = None) -> None:
        """Make readers follow an instance, renewed where nothing else helps."""
        source = self._servers[to or self.writer]
        waiting = [
            server
            for server in map(self._servers.__getitem__, readers)
            if not server.follows(source)
        ]
        for server in waiting:
            server.follow(source)
        for server in waiting:
            if not _wait_for(functools.partial(server.follows, source)):
                server.clone(source)


def _wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _FOLLOW_PATIENCE
    while not (done := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return done
