"""A cluster of real servers: one writer, its readers, their names, and what can befall them."""

from __future__ import annotations

import ipaddress
import secrets
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import installation, ports
from .conninfo import conninfo
from .dns import CUSTOM, ENDPOINTS, READER, WRITER, Names
from .errors import LabError
from .failover import Failover, Switch
from .gateway import Gateway
from .membership import Topology
from .postgres import Credentials, PostgresServer
from .reaper import Reaper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from .membership import Member
    from .server import Server

_Self = TypeVar("_Self", bound="Cluster")

_GATEWAY = {WRITER: "127.0.0.8", READER: "127.0.0.9", CUSTOM: "127.0.0.10"}
_FIRST_INSTANCE = ipaddress.IPv4Address("127.0.0.11")
_START_ATTEMPTS = 3
_FOLLOW_PATIENCE = 3.0


class Cluster:
    """Three real servers that look like an Aurora cluster; a context manager.

    The first instance is the writer, the others replicate from it. The endpoints of the cluster
    are a gateway in this process; the instances listen on addresses of their own. When the
    process ends, in whatever way, everything ends with it.

    Args:
        name: the cluster's identifier.
        instances: the instances' identifiers; by default `<name>-1`, `-2` and `-3`.
        domain: what follows `cluster-` in the names of the endpoints.
        dns_lag: seconds that the endpoints lag behind the published topology.

    Raises:
        ValueError: an argument is no use.
    """

    user = "app"
    database = "app"

    def __init__(
        self,
        name: str = "lab",
        *,
        instances: Sequence[str] | None = None,
        domain: str = "c0ffee123456.eu-west-1.rds.amazonaws.com",
        dns_lag: float = 0.0,
    ) -> None:
        self.name = _label("name", name)
        self.domain = domain
        self.instances = tuple(
            _label("instances", instance)
            for instance in instances or (f"{name}-{number}" for number in (1, 2, 3))
        )
        if len(set(self.instances)) != len(self.instances) or set(self.instances) & set(ENDPOINTS):
            raise ValueError(f"instances must differ, and not be endpoints; got {self.instances}")
        self.password = secrets.token_hex(8)
        self._dns_lag = _seconds("dns_lag", dns_lag)
        self._names = Names(dns_lag, self.instances[-2:])
        self._lock = threading.RLock()
        self._writer = self.instances[0]
        self._published = Topology(self._writer, self.instances[1:])
        self._demoted: set[str] = set()
        self._hung: set[str] = set()
        self._fixed: set[str] = set()
        self._servers: dict[str, Server] = {}
        self._gateway: Gateway | None = None
        self._reaper: Reaper | None = None
        self._port = 0

    def __enter__(self: _Self) -> _Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the servers and the gateway.

        Raises:
            LabError: something is missing, or a server does not come up.
        """
        if self._reaper is not None:
            raise LabError(f"cluster {self.name} is running already")
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                self._start()
            except BaseException as error:
                self.stop()
                # Between finding a port free and using it, somebody else may have taken it.
                if attempt < _START_ATTEMPTS and "Address already in use" in str(error):
                    continue
                raise
            return

    def stop(self) -> None:
        """Ends it all; nothing is left behind. Does nothing in a forked child."""
        if self._gateway is not None:
            self._gateway.close()
        if self._reaper is not None:
            self._reaper.reap()
        self._gateway = self._reaper = None

    @property
    def gateway(self) -> Gateway:
        """The endpoints' links: cut, hang or slow them."""
        if self._gateway is None:
            raise LabError(f"cluster {self.name} is not running")
        return self._gateway

    @property
    def writer(self) -> str:
        """The instance that is the writer, whatever has been published."""
        return self._writer

    @property
    def readers(self) -> tuple[str, ...]:
        """The live instances that are not the writer."""
        return tuple(item for item in self.instances if item != self._writer and self._live(item))

    @property
    def dns_lag(self) -> float:
        """Seconds that the endpoints lag behind the published topology."""
        return self._names.lag

    @dns_lag.setter
    def dns_lag(self, seconds: float) -> None:
        self._names.lag = _seconds("dns_lag", seconds)

    @property
    def custom(self) -> tuple[str, ...]:
        """The instances of the custom endpoint; the last two at first."""
        return self._names.custom

    @custom.setter
    def custom(self, instances: Sequence[str]) -> None:
        for instance in instances:
            self._server(instance)
        self._names.custom = tuple(instances)

    def host(self, target: str) -> str:
        """Returns Aurora's name for an endpoint (`writer`, `reader`, `custom`) or an instance."""
        self._check(target)
        label = {
            WRITER: f"{self.name}.cluster-",
            READER: f"{self.name}.cluster-ro-",
            CUSTOM: f"{self.name}-custom.cluster-custom-",
        }.get(target, f"{target}.")
        return label + self.domain

    def address(self, target: str) -> tuple[str, int]:
        """Returns the IP address and the port of an endpoint or an instance."""
        self._check(target)
        if target in _GATEWAY:
            return _GATEWAY[target], self._port
        return str(_FIRST_INSTANCE + self.instances.index(target)), self._port

    def dsn(self, target: str = WRITER, *, host: str | None = None, **params: object) -> str:
        """Returns the application's connection string.

        Args:
            target: an endpoint or an instance.
            host: another name for it, as a custom domain has; an IP address stands alone.
            params: more of libpq's parameters, or other values for those that are set here.
        """
        address, port = self.address(target)
        host = host or self.host(target)
        return conninfo(
            **{
                "host": host,
                **({} if _is_address(host) else {"hostaddr": address}),
                "port": port,
                "user": self.user,
                "password": self.password,
                "dbname": self.database,
                "sslmode": "disable",
                **params,
            }
        )

    def environment(self) -> dict[str, str]:
        """Returns the environment variables that an application of this cluster needs."""
        places = (f"{item}={':'.join(map(str, self.address(item)))}" for item in self.instances)
        return {"AURORA_OTEL_INSTANCE_ENDPOINTS": ",".join(places)}

    def execute(self, instance: str, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Runs a statement as the administrator, at the instance itself; `%s` marks a parameter."""
        return self._server(instance).execute(statement, *params)

    def sessions(self, instance: str, *, application_name: str | None = None) -> int:
        """Counts the application's sessions on an instance.

        While the instance hangs, its established TCP connections are counted instead, whatever
        their application's name; while it is down there are none.
        """
        return self._server(instance).sessions(application_name)

    def set_view(self, instance: str, rows: Sequence[Member] | None) -> None:
        """Makes an instance show these rows, whatever they say; None brings the truth back."""
        with self._lock:
            if rows is None:
                self._fixed.discard(instance)
                rows = self._published.seen_by(instance)
            else:
                self._fixed.add(instance)
            self._server(instance).show(rows)

    def freeze_view(self, instance: str) -> None:
        """Makes an instance go on showing what it shows; its time stamps stay fresh."""
        self._server(instance)
        self._fixed.add(instance)

    def publish(self) -> None:
        """Shows the true topology on all live instances; the DNS lag counts from here."""
        with self._lock:
            self._published = Topology(self._writer, self.readers)
            for instance in (self._writer, *self.readers):
                if instance not in self._fixed:
                    self._servers[instance].show(self._published.seen_by(instance))
            self._names.publish(self._published, time.monotonic())

    def failover(
        self,
        kind: Failover,
        *,
        target: str | None = None,
        publish: bool = True,
        on_published: Callable[[], None] | None = None,
    ) -> Switch:
        """Makes another instance the writer.

        Args:
            kind: what becomes of the old writer.
            target: the new writer; by default the first live reader.
            publish: whether the topology names the new writer; if not, `publish()` does it later.
            on_published: called as soon as the topology names the new writer. In a switchover the
                old writer still accepts writes then.

        Raises:
            LabError: there is no such reader.
        """
        kind = Failover(kind)
        with self._lock:
            old, new = self._writer, self._successor(target)
            others = [item for item in self.readers if item not in {new, *self._demoted}]
            old_server, new_server = self._servers[old], self._servers[new]
            began, refused = time.monotonic(), None
            if kind is Failover.CRASH:
                old_server.kill()
            elif kind is Failover.HANG:
                self._hung.add(old)
                old_server.freeze()
            else:
                # A reader that is ahead of the new writer could not follow it.
                for other in others:
                    self._servers[other].follow(new_server)
                    _wait_for(lambda other=other: self._servers[other].follows(new_server))
            new_server.promote()
            self._writer = new
            published = self._announce(on_published) if publish else None
            if kind is Failover.SWITCHOVER:
                self._demoted.add(old)
                old_server.demote()
                refused = time.monotonic()
            self._attach(others)
            return Switch(kind, old, new, began, published, refused)

    def recover(self, instance: str) -> None:
        """Brings a crashed or hung instance back, as a reader."""
        with self._lock:
            self._server(instance)
            if self._live(instance):
                raise LabError(f"{instance} is neither down nor hung")
            self._renew(instance)

    def rejoin(self, instance: str) -> None:
        """Makes an instance that was demoted in place a real replica; that ends its sessions."""
        with self._lock:
            if instance not in self._demoted:
                raise LabError(f"{instance} was not demoted in place")
            self._server(instance).shut_down()
            self._renew(instance)

    def heal(self) -> None:
        """Puts everything right: servers, replication, links, names, views. Who writes, stays."""
        with self._lock:
            self.gateway.restore()
            self._names.lag = self._dns_lag
            self._names.custom = self.instances[-2:]
            self._fixed.clear()
            if not self._live(self._writer):
                raise LabError(f"the writer {self._writer} is down: fail over first")
            broken = [item for item in self.instances if item not in (self._writer, *self.readers)]
            for instance in (*broken, *self._demoted):
                self._renew(instance)
            self._attach([item for item in self.readers if item not in broken])
            self.publish()
            self._names.settle()

    def _start(self) -> None:
        directory = Path(tempfile.mkdtemp(prefix="aurora-otel-lab-"))
        # A whole installation may be copied into the directory: the reaper must know it first.
        self._reaper = Reaper(directory, installation.wheel())
        directory.chmod(0o755)
        postgres = installation.find(directory)
        postgres.give(directory)
        addresses = [str(_FIRST_INSTANCE + number) for number in range(len(self.instances))]
        listeners = ports.listen(_GATEWAY, addresses)
        self._port = listeners[WRITER].getsockname()[1]
        self._gateway = Gateway(listeners, self._resolve, (*ENDPOINTS, *self.instances))
        secret = Credentials(self.user, self.password, self.database, secrets.token_hex(16))
        self._servers = {
            item: PostgresServer(item, self.address(item), directory, postgres, secret)
            for item in self.instances
        }
        self._writer = self.instances[0]
        self._demoted, self._hung, self._fixed = set(), set(), set()
        self._servers[self._writer].create()
        with ThreadPoolExecutor(len(self.instances)) as pool:
            tuple(pool.map(self._clone, self.instances[1:]))
        self._attach(self.instances[1:])
        self.publish()
        self._names.settle()

    def _resolve(self, endpoint: str) -> tuple[str, tuple[str, int]]:
        instance = self._names.resolve(endpoint, time.monotonic())
        return instance, self.address(instance)

    def _announce(self, on_published: Callable[[], None] | None) -> float:
        self.publish()
        at = time.monotonic()
        if on_published is not None:
            on_published()
        return at

    def _successor(self, target: str | None) -> str:
        readers = self.readers
        if target is None and readers:
            target = readers[0]
        if target not in readers:
            raise LabError(
                f"target must be a live reader ({', '.join(readers) or 'none'}); got {target!r}"
            )
        if target in self._demoted:
            self.rejoin(target)
        return target

    def _clone(self, instance: str) -> None:
        self._servers[instance].show(self._published.seen_by(instance))
        self._servers[instance].clone(self._servers[self._writer])

    def _renew(self, instance: str) -> None:
        in_sync = self._published.writer == self._writer
        self._clone(instance)
        self._demoted.discard(instance)
        self._hung.discard(instance)
        self._attach([instance])
        # While a failover is kept secret, this must not give it away.
        if in_sync:
            self.publish()

    def _attach(self, readers: Sequence[str]) -> None:
        """Makes readers follow the writer, from a fresh copy where nothing else helps."""
        writer = self._servers[self._writer]
        waiting = [item for item in readers if not self._servers[item].follows(writer)]
        for reader in waiting:
            self._servers[reader].follow(writer)
        for reader in waiting:
            server = self._servers[reader]
            if not _wait_for(lambda server=server: server.follows(writer)):
                self._clone(reader)

    def _live(self, instance: str) -> bool:
        return instance not in self._hung and self._servers[instance].running()

    def _server(self, instance: str) -> Server:
        if instance not in self._servers:
            self._check(instance)
            raise LabError(f"{instance!r} is no instance of a running cluster")
        return self._servers[instance]

    def _check(self, target: str) -> None:
        places = (*ENDPOINTS, *self.instances)
        if target not in places:
            raise ValueError(f"target must be one of {', '.join(places)}; got {target!r}")


def _wait_for(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _FOLLOW_PATIENCE
    while not (done := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return done


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _label(argument: str, value: str) -> str:
    if not value or not all(part.isalnum() and part.isascii() for part in value.split("-")):
        raise ValueError(f"{argument} must be letters, digits and hyphens; got {value!r}")
    return value


def _seconds(argument: str, value: float) -> float:
    if not value >= 0:
        raise ValueError(f"{argument} must be seconds, 0 or more; got {value!r}")
    return value
