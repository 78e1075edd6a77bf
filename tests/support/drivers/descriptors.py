"""The drivers under test: each is one descriptor, and runs through every behaviour."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple

from _mysql_connector import MySQLInterfaceError

from aurora_otel.lab import Cluster
from tests.support.drivers.calls import CALLS, WatchedCall
from tests.support.drivers.engines import MYSQL, POSTGRESQL, Engine
from tests.support.names import ADDRESSES
from tests.support.sql import attempt, run


class Place(NamedTuple):
    """Where a driver is to connect to: the host as an application writes it, and its address."""

    host: str
    ip: str
    port: int
    user: str
    password: str
    database: str


class Way(NamedTuple):
    """How an application names its server.

    Attributes:
        name: of the way.
        target: an endpoint or instance of the lab; `a reader`: one of the readers itself.
        host: the host that it writes; `None`: Aurora's name, `address`: the IP address.
        type: the endpoint type that it should be tracked as.
        is_writer_endpoint: whether `WRITER_ENDPOINTS` says that the host means the writer.
    """

    name: str
    target: str
    host: str | None
    type: str
    is_writer_endpoint: bool = False


_BY_NAME = (
    Way("writer", "writer", None, "writer"),
    Way("reader", "reader", None, "reader"),
    Way("custom", "custom", None, "custom"),
    Way("instance", "a reader", None, "instance"),
    Way("custom domain", "reader", "db.example.com", "other"),
    Way("WRITER_ENDPOINTS", "writer", "db.example.com", "writer", is_writer_endpoint=True),
)
_BY_ADDRESS = (
    Way("address", "reader", "address", "other"),
    Way("address in INSTANCE_ENDPOINTS", "a reader", "address", "instance"),
    Way("address in WRITER_ENDPOINTS", "writer", "address", "writer", is_writer_endpoint=True),
)


@dataclass(frozen=True)
class Descriptor:
    """One driver, and all that a behaviour cannot know of it.

    Attributes:
        name: `aurora.driver`.
        engine: what it talks to.
        package: its top-level package.
        arguments: what to call `connect` with.
        code: the server's code in one of its exceptions.
        variant: of the driver, where it has several.
        module: with `connect` and the exceptions; by default the package.
        has_upstream: whether OpenTelemetry has an instrumentation of it.
        takes_names: whether the lab's names reach the hook; a C library resolves them itself.
        lost: what it raises on a lost connection besides its own `Error`.
        reset_differs: whether it meets a reset with another error than the end of the stream, as
            uvloop's transports do.
        has_query_spans: whether the agent can make spans of its calls.
        is_subclassed: whether its classes become subclasses of the same name.
        calls: those that go to the network, each to be watched.
        reconnects: what makes another connection under the same object, after the loss of one.
        copies: calls inside a COPY, until a function that they are given says that it is over.
    """

    name: str
    engine: Engine
    package: str
    arguments: Callable[[Place], Mapping[str, Any]]
    code: Callable[[Any], Any]
    variant: str = ""
    module: str = ""
    has_upstream: bool = True
    takes_names: bool = True
    lost: tuple[type[Exception], ...] = ()
    reset_differs: bool = False
    has_query_spans: bool = True
    is_subclassed: bool = False
    calls: Mapping[str, WatchedCall] = field(default_factory=dict, hash=False)
    reconnects: Mapping[str, Callable[[Any], object]] = field(default_factory=dict, hash=False)
    copies: Mapping[str, Callable[..., object]] = field(default_factory=dict, hash=False)

    @property
    def id(self) -> str:
        """Return the driver's name as it is part of a test's name."""
        return f"{self.name}-{self.variant}" if self.variant else self.name

    @property
    def dbapi(self) -> ModuleType:
        """Return the driver's module, which has to be installed."""
        return importlib.import_module(self.module or self.package)

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """Return the exceptions that it raises for trouble with the server or the network."""
        return (self.dbapi.Error, *self.lost)

    @property
    def ways(self) -> tuple[Way, ...]:
        """Return the ways to name a server that the lab understands."""
        return (*_BY_NAME, *_BY_ADDRESS) if self.takes_names else _BY_ADDRESS

    def connect(self, cluster: Cluster, target: str = "writer", host: str | None = None) -> Any:
        """Connect as an application does, by the module's public `connect`."""
        return self.open(self.login(cluster, target, host))

    def open(self, arguments: Mapping[str, Any]) -> Any:
        """Connect with these arguments."""
        return self.dbapi.connect(**arguments)

    def outcome(self, found: Any) -> Any:
        """Return what a call of the agent's side of the driver brings."""
        return found

    def login(
        self, cluster: Cluster, target: str = "writer", host: str | None = None
    ) -> Mapping[str, Any]:
        """Return what an application calls `connect` with."""
        ip, port = cluster.address(target)
        if host == "address" or not self.takes_names:
            host = ip
        host = host or cluster.host(target)
        ADDRESSES[host] = ip
        place = Place(host, ip, port, cluster.user, cluster.password, cluster.database)
        return self.arguments(place)

    def introduce(self) -> None:
        """Have the agent instrument the driver, if it does not know it."""

    def settings(self, cluster: Cluster) -> dict[str, str]:
        """Return the settings that name the lab's addresses of the writer."""
        if self.takes_names:
            return {}
        return {"writer_endpoints": ":".join(map(str, cluster.address("writer")))}

    def serving(self, connection: Any) -> str:
        """Return the instance that serves a connection; leave no transaction behind."""
        return str(self._ask(connection, self.engine.serving))

    def session(self, connection: Any) -> int:
        """Return the server's number of a connection's session; leave no transaction behind."""
        return int(self._ask(connection, self.engine.session))

    def _ask(self, connection: Any, statement: str) -> Any:
        ((value,),) = run(connection, statement)
        connection.rollback()
        return value


def _libpq(place: Place) -> dict[str, Any]:
    return {
        "host": place.host,
        "hostaddr": place.ip,
        "port": place.port,
        "user": place.user,
        "password": place.password,
        "dbname": place.database,
        "sslmode": "disable",
        "connect_timeout": 5,
    }


def _by_parameters(place: Place) -> dict[str, Any]:
    return {
        "host": place.host,
        "port": place.port,
        "user": place.user,
        "password": place.password,
        "database": place.database,
    }


def _mysql(place: Place) -> dict[str, Any]:
    return {**_by_parameters(place), "connect_timeout": 5}


def _mysql_connector(place: Place, *, use_pure: bool) -> dict[str, Any]:
    return {**_by_parameters(place), "connection_timeout": 5, "use_pure": use_pure}


def _first(error: Any) -> Any:
    return error.args[0] if error.args else None


def _pg8000_code(error: Any) -> str | None:
    fields = error.args[0] if error.args else None
    return fields.get("C") if isinstance(fields, dict) else None


def _ping_until_there(connection: Any) -> None:
    """From the first `ping(True)` on, libmariadb connects again by itself."""
    with_reconnect = True
    attempt(lambda: connection.ping(with_reconnect))
    connection.ping(with_reconnect)


def _call_with_auto_reconnect(connection: Any) -> None:
    connection.auto_reconnect = True
    attempt(connection.ping)
    connection.ping()


DRIVERS = (
    Descriptor(
        "psycopg",
        POSTGRESQL,
        "psycopg",
        _libpq,
        code=lambda error: error.sqlstate,
        calls=CALLS["psycopg"],
    ),
    Descriptor(
        "psycopg2",
        POSTGRESQL,
        "psycopg2",
        _libpq,
        code=lambda error: error.pgcode,
        is_subclassed=True,
        calls=CALLS["psycopg2"],
    ),
    Descriptor(
        "pg8000",
        POSTGRESQL,
        "pg8000",
        _by_parameters,
        code=_pg8000_code,
        module="pg8000.dbapi",
        has_upstream=False,
        lost=(OSError,),
        calls=CALLS["pg8000"],
    ),
    Descriptor(
        "pymysql",
        MYSQL,
        "pymysql",
        _mysql,
        code=_first,
        calls=CALLS["pymysql"],
        reconnects={
            "ping": lambda connection: connection.ping(reconnect=True),
            "connect": lambda connection: connection.connect(),
        },
    ),
    Descriptor(
        "mysqlclient",
        MYSQL,
        "MySQLdb",
        _mysql,
        code=_first,
        takes_names=False,
        calls=CALLS["mysqlclient"],
        reconnects={"ping": _ping_until_there},
    ),
    *(
        Descriptor(
            "mysql-connector",
            MYSQL,
            "mysql",
            functools.partial(_mysql_connector, use_pure=variant == "pure"),
            code=lambda error: error.errno,
            variant=variant,
            module="mysql.connector",
            takes_names=variant == "pure",
            # What its commit and rollback raise is no `mysql.connector.Error`.
            lost=() if variant == "pure" else (MySQLInterfaceError,),
            calls=CALLS["mysql-connector" if variant == "pure" else "mysql-connector-C"],
            reconnects={
                "reconnect": lambda connection: connection.reconnect(),
                "ping": lambda connection: connection.ping(reconnect=True),
            },
        )
        for variant in ("pure", "C")
    ),
    Descriptor(
        "mariadb",
        MYSQL,
        "mariadb",
        _mysql,
        code=lambda error: getattr(error, "errno", None),
        has_upstream=False,
        takes_names=False,
        calls=CALLS["mariadb"],
        reconnects={
            "reconnect": lambda connection: connection.reconnect(),
            "auto_reconnect": _call_with_auto_reconnect,
        },
    ),
)

BY_ID = {driver.id: driver for driver in DRIVERS}
