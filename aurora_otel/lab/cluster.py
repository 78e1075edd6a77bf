"""A cluster of real servers: one writer, its readers, their names, and what can befall them."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from aurora_otel.lab import addresses, engines, multi_az_sql
from aurora_otel.lab.addresses import Addresses
from aurora_otel.lab.conninfo import conninfo, url
from aurora_otel.lab.dns import WRITER, Names
from aurora_otel.lab.errors import LabError
from aurora_otel.lab.failover import Failover
from aurora_otel.lab.records import Records
from aurora_otel.lab.running import Running
from aurora_otel.lab.server import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from aurora_otel.lab.failover import Switch
    from aurora_otel.lab.gateway import Gateway
    from aurora_otel.lab.instances import Condition
    from aurora_otel.lab.membership import Member

_Self = TypeVar("_Self", bound="Cluster")

_START_ATTEMPTS = 3


class Cluster:
    """Three real servers that stand for a cluster, an Aurora by default; a context manager.

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
        kind: what it plays: `aurora`, an RDS Multi-AZ DB cluster (`multi-az`), a plain primary
            with standbys and the services of a Kubernetes cluster (`plain`), or an RDS instance
            whose name leads to its standby's address after a failover (`single`).
        instances: the instances' identifiers; by default `<name>-1`, `-2` and `-3`.
        domain: what follows `cluster-` in the names of the endpoints; by default one of the kind's.
        dns_lag: seconds that the endpoints lag behind the published topology.

    Raises:
        ValueError: an argument is no use.
    """

    user = "app"
    database = "app"

    def __init__(  # noqa: PLR0913 -- what there is to choose
        self,
        name: str = "lab",
        *,
        engine: str = "postgresql",
        kind: str = "aurora",
        instances: Sequence[str] | None = None,
        domain: str | None = None,
        dns_lag: float = 0.0,
    ) -> None:
        self.name = name
        self.engine = engine
        self.kind = kind
        self._engine = engines.named(engine, kind)
        self.domain = domain or self._engine.domain
        if instances is None:
            instances = tuple(f"{name}-{number}" for number in (1, 2, 3))
        self._addresses = Addresses(name, instances, self.domain, self._engine.names)
        self.password = secrets.token_hex(8)
        self._dns_lag = _seconds("dns_lag", dns_lag)
        self._names = Names(dns_lag, self.instances[-2:])
        self._lock = threading.RLock()
        self._started: Running | None = None

    def __enter__(self: _Self) -> _Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the servers and the gateway.

        Raises:
            LabError: something is missing, or a server does not come up.
        """
        if self._started is not None:
            raise LabError(f"cluster {self.name} is running already")
        secret = Credentials(self.user, self.password, self.database, secrets.token_hex(16))
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                self._started = Running(self._engine, self._addresses, self._names, secret)
            except LabError as error:
                # Between finding a port free and using it, another process may have taken it.
                if attempt < _START_ATTEMPTS and "Address already in use" in str(error):
                    continue
                raise
            break
        if self.kind == "multi-az":
            # What its servers' list of the members has to show; copied to all of them.
            setting = multi_az_sql.SET_DOMAIN[self.engine]
            self.execute(self.writer, setting.format(database=self.database, domain=self.domain))

    def stop(self) -> None:
        """End it all; nothing is left behind. Does nothing in a forked child."""
        if self._started is not None:
            self._started.stop()
        self._started = None

    @property
    def instances(self) -> tuple[str, ...]:
        """All instances, up or down."""
        return self._addresses.instances

    @property
    def gateway(self) -> Gateway:
        """The endpoints' links: cut, hang or slow them."""
        return self._running.gateway

    @property
    def writer(self) -> str:
        """The instance that is the writer, whatever has been published."""
        return self._running.servers.writer

    @property
    def readers(self) -> tuple[str, ...]:
        """The live instances that are not the writer."""
        return self._running.servers.readers

    def condition(self, instance: str) -> Condition:
        """Return how an instance is: the writer, a reader, demoted in place, hung, or down."""
        return self._running.servers.condition(instance)

    @property
    def dns_lag(self) -> float:
        """Seconds that the endpoints lag behind the published topology."""
        return self._names.lag

    @dns_lag.setter
    def dns_lag(self, seconds: float) -> None:
        self._names.lag = _seconds("dns_lag", seconds)

    @property
    def dns_flap(self) -> float:
        """Seconds for which a lagging name leads to the old instance, and the new one, by turns."""
        return self._names.flap

    @dns_flap.setter
    def dns_flap(self, seconds: float) -> None:
        self._names.flap = _seconds("dns_flap", seconds)

    @property
    def custom(self) -> tuple[str, ...]:
        """The instances of the custom endpoint; the last two at first."""
        return self._names.custom

    @custom.setter
    def custom(self, instances: Sequence[str]) -> None:
        for instance in instances:
            self._running.servers.server(instance)
        self._names.custom = tuple(instances)

    def host(self, target: str) -> str:
        """Return Aurora's name for an endpoint (`writer`, `reader`, `custom`) or an instance."""
        return self._addresses.host(target)

    def address(self, target: str) -> tuple[str, int]:
        """Return the IP address and the port of an endpoint or an instance."""
        if target == WRITER and self._engine.has_moving_name:
            return self.records()[self.host(WRITER)], self._running.port
        return self._addresses.ip(target), self._running.port

    def plain_address(self, instance: str) -> tuple[str, int]:
        """Return where the server itself listens, which on `mysql` knows no Aurora's SQL."""
        return self._running.servers.server(instance).address

    def parameters(self, target: str = WRITER, *, host: str | None = None) -> dict[str, Any]:
        """Return what an application connects with: host, port, user, password and database.

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
        `/etc/hosts` or a file that `NSS_WRAPPER_HOSTS` names. These addresses never change: behind
        those of the endpoints is the gateway. See `records()` for names that move, as that of the
        writer of the kind `single` does.
        """
        if self._engine.has_moving_name:
            return {**self._addresses.hosts, self.host(WRITER): self.address(WRITER)[0]}
        return self._addresses.hosts

    def records(self, aliases: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """Return the names of all endpoints and instances as Aurora's name servers have them.

        An endpoint's name leads to the address of an instance, past the gateway. Each lookup
        follows the published topology, `dns_lag` seconds late, and flaps meanwhile if `dns_flap`
        says so.

        Args:
            aliases: other names, such as a CNAME of the application's own, and the endpoint or
                instance that each stands for.
        """
        return Records(self._addresses, self._names, aliases or {})

    def dsn(self, target: str = WRITER, *, host: str | None = None, **params: object) -> str:
        """Return the application's connection string: libpq's, or a `mysql://` URL.

        Args:
            target: an endpoint or an instance.
            host: another name for it, as a custom domain has; an IP address stands alone.
            params: more of libpq's parameters, or other values for those that are set here, `None`
                to leave one out; the query of a URL.
        """
        if self.engine == "mysql":
            return url("mysql", self.parameters(target, host=host), params)
        address, port = self.address(target)
        host = host or self.host(target)
        place = {"host": host} if addresses.is_ip(host) else {"host": host, "hostaddr": address}
        login = {"user": self.user, "password": self.password, "dbname": self.database}
        return conninfo({**place, "port": port, **login, "sslmode": "disable", **params})

    def environment(self) -> dict[str, str]:
        """Return the environment variables that an application of this cluster needs."""
        if self._engine.has_moving_name:
            return {}
        if self._engine.has_members:
            # What the servers of MySQL are called leads nowhere: the service's host is one of them.
            where = (WRITER, *self.instances) if self.engine == "mysql" else self.instances
            members = ",".join(":".join(map(str, self.address(item))) for item in where)
            return {"AURORA_OTEL_MEMBERS": members}
        places = (
            f"{self.host(item)}={':'.join(map(str, self.address(item)))}" for item in self.instances
        )
        return {"AURORA_OTEL_INSTANCE_ENDPOINTS": ",".join(places)}

    def log(self, instance: str) -> Path:
        """Return the file in which an instance logs."""
        return self._running.directory / f"{instance}.log"

    def execute(self, instance: str, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator, at the instance itself; `%s` marks a parameter."""
        return self._running.servers.server(instance).execute(statement, *params)

    def sessions(self, instance: str, *, application_name: str | None = None) -> int:
        """Count the application's sessions on an instance.

        While the instance hangs, its established TCP connections are counted instead, whatever
        their application's name; while it is down there are none.
        """
        return self._running.servers.server(instance).sessions(application_name)

    def set_read_only(self, instance: str, *, on: bool) -> None:
        """Make an instance refuse writes by its own setting, or end that; its sessions stay.

        It goes on saying that it is no reader, as the old primary does after a blue/green
        switchover. It is the writer, or was demoted in place.
        """
        with self._lock:
            self._running.servers.set_read_only(instance, on=on)

    def set_view(self, instance: str, rows: Sequence[Member] | None) -> None:
        """Make an instance show these rows, whatever they say; None brings the truth back."""
        with self._lock:
            if rows is None:
                self._running.views.free(instance)
            else:
                self._running.views.fix(instance, rows)

    def freeze_view(self, instance: str) -> None:
        """Make an instance go on showing what it shows; its time stamps stay fresh."""
        with self._lock:
            self._running.views.freeze(instance)

    def publish(self) -> None:
        """Show the true topology on all live instances; the DNS lag counts from here."""
        with self._lock:
            self._running.views.publish()

    def failover(
        self,
        kind: Failover,
        *,
        target: str | None = None,
        publish: bool = True,
        on_published: Callable[[], None] | None = None,
    ) -> Switch:
        """Make another instance the writer; returns when the others follow it.

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
        with self._lock:
            return self._running.failover(
                Failover(kind), target, publish=publish, on_published=on_published
            )

    def promote(self, instance: str, *, publish: bool = False) -> None:
        """Make a reader accept writes, and leave the writer as it is: both do (split brain).

        It counts as the writer from here on. No reader follows it; `heal` puts that right.

        Args:
            instance: the reader.
            publish: whether the endpoints' names lead to it; if not, `publish()` does it later.
        """
        with self._lock:
            self._running.promote(instance, publish=publish)

    def thaw(self, instance: str) -> None:
        """Have a hung instance go on, with its sessions, as what it was."""
        with self._lock:
            self._running.servers.thaw(instance)

    def recover(self, instance: str) -> None:
        """Bring a crashed or hung instance back, as a reader."""
        with self._lock:
            self._running.recover(instance)

    def rejoin(self, instance: str) -> None:
        """Make an instance that was demoted in place a real replica; that ends its sessions."""
        with self._lock:
            self._running.rejoin(instance)

    def heal(self) -> None:
        """Put everything right: servers, replication, links, names, views. Who writes, stays."""
        with self._lock:
            running = self._running
            self._names.lag = self._dns_lag
            self._names.flap = 0.0
            self._names.custom = self.instances[-2:]
            running.heal()

    @property
    def _running(self) -> Running:
        if self._started is None:
            raise LabError(
                f"cluster {self.name} is not running: start() it, or use it in a with block"
            )
        return self._started


def _seconds(argument: str, value: float) -> float:
    if not value >= 0:
        raise ValueError(f"{argument} must be seconds, 0 or more; got {value!r}")
    return value
