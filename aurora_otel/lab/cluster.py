"""A cluster of real servers: one writer, its readers, their names, and what can befall them."""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from aurora_otel.lab import addresses, engines, installation, ports
from aurora_otel.lab.addresses import Addresses
from aurora_otel.lab.conninfo import conninfo, url
from aurora_otel.lab.dns import WRITER, Names
from aurora_otel.lab.errors import LabError
from aurora_otel.lab.failover import Failover, Switch
from aurora_otel.lab.gateway import Gateway
from aurora_otel.lab.instances import Condition, Instances
from aurora_otel.lab.reaper import Reaper
from aurora_otel.lab.server import Credentials
from aurora_otel.lab.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aurora_otel.lab.membership import Member

_Self = TypeVar("_Self", bound="Cluster")
_Part = TypeVar("_Part")

_START_ATTEMPTS = 3


class Cluster:
    """Three real servers that look like an Aurora cluster; a context manager.

    The first instance is the writer, the others replicate from it. The endpoints of the cluster
    are a gateway in this process; the instances listen on addresses of their own. When the
    process ends, in whatever way, everything ends with it.

    With `engine="mysql"` the servers are MariaDB's, which cannot be taught Aurora's SQL: the
    gateway stands before each instance, too, and puts what they understand in its place. So
    `address()` of an instance is the gateway's, and `plain_address()` the server's, a MariaDB like
    any other.

    Args:
        name: the cluster's identifier.
        engine: `postgresql` or `mysql`.
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
        engine: str = "postgresql",
        instances: Sequence[str] | None = None,
        domain: str = "c0ffee123456.eu-west-1.rds.amazonaws.com",
        dns_lag: float = 0.0,
    ) -> None:
        self.name = name
        self.engine = engine
        self._engine = engines.named(engine)
        self.domain = domain
        if instances is None:
            instances = tuple(f"{name}-{number}" for number in (1, 2, 3))
        self._addresses = Addresses(name, instances, domain)
        self.password = secrets.token_hex(8)
        self._dns_lag = _seconds(dns_lag)
        self._names = Names(dns_lag, self.instances[-2:])
        self._lock = threading.RLock()
        self._servers: Instances | None = None
        self._views: Views | None = None
        self._gateway: Gateway | None = None
        self._reaper: Reaper | None = None

    def __enter__(self: _Self) -> _Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
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
        self._servers = self._views = self._gateway = self._reaper = None

    @property
    def instances(self) -> tuple[str, ...]:
        """All instances, up or down."""
        return self._addresses.instances

    @property
    def gateway(self) -> Gateway:
        """The endpoints' links: cut, hang or slow them."""
        return _running(self._gateway, self.name)

    @property
    def writer(self) -> str:
        """The instance that is the writer, whatever has been published."""
        return self._running.writer

    @property
    def readers(self) -> tuple[str, ...]:
        """The live instances that are not the writer."""
        return self._running.readers

    def condition(self, instance: str) -> Condition:
        """Returns how an instance is: the writer, a reader, demoted in place, hung, or down."""
        return self._running.condition(instance)

    @property
    def dns_lag(self) -> float:
        """Seconds that the endpoints lag behind the published topology."""
        return self._names.lag

    @dns_lag.setter
    def dns_lag(self, seconds: float) -> None:
        self._names.lag = _seconds(seconds)

    @property
    def custom(self) -> tuple[str, ...]:
        """The instances of the custom endpoint; the last two at first."""
        return self._names.custom

    @custom.setter
    def custom(self, instances: Sequence[str]) -> None:
        for instance in instances:
            self._running.server(instance)
        self._names.custom = tuple(instances)

    def host(self, target: str) -> str:
        """Returns Aurora's name for an endpoint (`writer`, `reader`, `custom`) or an instance."""
        return self._addresses.host(target)

    def address(self, target: str) -> tuple[str, int]:
        """Returns the IP address and the port of an endpoint or an instance."""
        _running(self._reaper, self.name)
        return self._addresses.ip(target), self._addresses.port

    def plain_address(self, instance: str) -> tuple[str, int]:
        """Returns where the server itself listens, which on `mysql` knows no Aurora's SQL."""
        return self._running.server(instance).address

    def parameters(self, target: str = WRITER, *, host: str | None = None) -> dict[str, Any]:
        """Returns what an application connects with: host, port, user, password and database.

        The host is Aurora's name, which nothing resolves; see `hosts`.

        Args:
            target: an endpoint or an instance.
            host: another name for it, as a custom domain has, or an IP address.
        """
        return {
            "host": host or self.host(target),
            "port": self.address(target)[1],
            "user": self.user,
            "password": self.password,
            "database": self.database,
        }

    @property
    def hosts(self) -> dict[str, str]:
        """The names of all endpoints and instances, and their IP addresses.

        libpq takes a name and an address for it side by side. For a driver that does not, something
        has to resolve the names: `resolving()` if it is written in Python; for those in C,
        `/etc/hosts` or a file that `NSS_WRAPPER_HOSTS` names. The address of a name never changes.
        """
        return self._addresses.hosts

    def dsn(self, target: str = WRITER, *, host: str | None = None, **params: object) -> str:
        """Returns the application's connection string: libpq's, or a `mysql://` URL.

        Args:
            target: an endpoint or an instance.
            host: another name for it, as a custom domain has; an IP address stands alone.
            params: more of libpq's parameters, or other values for those that are set here; the
                query of a URL.
        """
        if self._engine.surface:
            return url("mysql", self.parameters(target, host=host), params)
        address, port = self.address(target)
        host = host or self.host(target)
        place = {"host": host} if addresses.is_ip(host) else {"host": host, "hostaddr": address}
        login = {"user": self.user, "password": self.password, "dbname": self.database}
        return conninfo({**place, "port": port, **login, "sslmode": "disable", **params})

    def environment(self) -> dict[str, str]:
        """Returns the environment variables that an application of this cluster needs."""
        places = (f"{item}={':'.join(map(str, self.address(item)))}" for item in self.instances)
        return {"AURORA_OTEL_INSTANCE_ENDPOINTS": ",".join(places)}

    def execute(self, instance: str, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Runs a statement as the administrator, at the instance itself; `%s` marks a parameter."""
        return self._running.server(instance).execute(statement, *params)

    def sessions(self, instance: str, *, application_name: str | None = None) -> int:
        """Counts the application's sessions on an instance.

        While the instance hangs, its established TCP connections are counted instead, whatever
        their application's name; while it is down there are none.
        """
        return self._running.server(instance).sessions(application_name)

    def set_view(self, instance: str, rows: Sequence[Member] | None) -> None:
        """Makes an instance show these rows, whatever they say; None brings the truth back."""
        with self._lock:
            views = _running(self._views, self.name)
            if rows is None:
                views.free(instance)
            else:
                views.fix(instance, rows)

    def freeze_view(self, instance: str) -> None:
        """Makes an instance go on showing what it shows; its time stamps stay fresh."""
        with self._lock:
            _running(self._views, self.name).freeze(instance)

    def publish(self) -> None:
        """Shows the true topology on all live instances; the DNS lag counts from here."""
        with self._lock:
            _running(self._views, self.name).publish()

    def failover(
        self,
        kind: Failover,
        *,
        target: str | None = None,
        publish: bool = True,
        on_published: Callable[[], None] | None = None,
    ) -> Switch:
        """Makes another instance the writer; returns when the others follow it.

        Args:
            kind: what becomes of the old writer.
            target: the new writer; by default the first live reader. One that was demoted in
                place rejoins first.
            publish: whether the topology names the new writer; if not, `publish()` does it later.
            on_published: called as soon as the topology names the new writer. In a switchover the
                old writer still accepts writes then.

        Raises:
            LabError: there is no such reader.
        """

        def announce() -> float | None:
            if not publish:
                return None
            self.publish()
            at = time.monotonic()
            if on_published is not None:
                on_published()
            return at

        with self._lock:
            return self._running.failover(Failover(kind), target, announce)

    def recover(self, instance: str) -> None:
        """Brings a crashed or hung instance back, as a reader."""
        with self._lock:
            if self._running.live(instance):
                raise LabError(f"{instance} is neither down nor hung")
            self._back(instance, self._running.renew)

    def rejoin(self, instance: str) -> None:
        """Makes an instance that was demoted in place a real replica; that ends its sessions."""
        with self._lock:
            if not self._running.demoted(instance):
                raise LabError(f"{instance} was not demoted in place")
            self._back(instance, self._running.rejoin)

    def heal(self) -> None:
        """Puts everything right: servers, replication, links, names, views. Who writes, stays."""
        with self._lock:
            self.gateway.restore()
            self._names.lag = self._dns_lag
            self._names.custom = self.instances[-2:]
            _running(self._views, self.name).free_all()
            if not self._running.live(self.writer):
                self.failover(Failover.CRASH)
            self._running.repair()
            self.publish()
            self._names.settle()

    @property
    def _running(self) -> Instances:
        return _running(self._servers, self.name)

    def _start(self) -> None:
        directory = installation.new_directory()
        # From here on it is the reaper that removes what there is.
        self._reaper = Reaper(directory)
        engine = self._engine
        programs = engine.find(directory, self._reaper.watch)
        links, servers = self._addresses.listening(in_front=engine.surface is not None)
        listeners = ports.listen(links, tuple(servers.values()))
        self._addresses.port = port = listeners[WRITER].getsockname()[1]
        self._gateway = Gateway(
            listeners, self._resolve, self._addresses.places, engine.silence, engine.surface
        )
        secret = Credentials(self.user, self.password, self.database, secrets.token_hex(16))
        self._servers = Instances(
            {
                item: engine.server(item, (ip, port), directory, programs, secret)
                for item, ip in servers.items()
            }
        )
        self._views = Views(self._servers, self._names)
        self._servers.create()
        self.publish()
        self._names.settle()

    def _resolve(self, endpoint: str) -> tuple[str, tuple[str, int]]:
        instance = endpoint
        if endpoint in addresses.GATEWAY:
            instance = self._names.resolve(endpoint, time.monotonic())
        return instance, self._running.server(instance).address

    def _back(self, instance: str, way: Callable[[str], None]) -> None:
        # While a failover is kept secret, an instance that comes back must not give it away.
        public = self._names.published.writer == self.writer
        _running(self._views, self.name).show_published(instance)
        way(instance)
        if public:
            self.publish()


def _running(part: _Part | None, name: str) -> _Part:
    if part is None:
        raise LabError(f"cluster {name} is not running: start() it, or use it in a with block")
    return part


def _seconds(value: float) -> float:
    if not value >= 0:
        raise ValueError(f"dns_lag must be seconds, 0 or more; got {value!r}")
    return value
