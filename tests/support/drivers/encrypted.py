"""The way to a cluster whose servers speak TLS, for the drivers for event loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aurora_otel.lab import Cluster
from tests.support.drivers.descriptors import Descriptor, Place
from tests.support.tls import Encrypted, EncryptedMySQL

_OPTIONS: dict[str, Callable[[Encrypted], dict[str, Any]]] = {
    "asyncpg": lambda server: {"ssl": server.trust},
    "psycopg": lambda server: {"sslmode": "verify-full", "sslrootcert": str(server.file)},
    "aiomysql": lambda server: {"ssl": server.trust},
    "asyncmy": lambda server: {"ssl": server.trust},
    # It takes certificates to trust only with some of the client's own.
    "mysql-connector-aio": lambda _: {"ssl_disabled": False},
}
_SERVERS = {"postgresql": Encrypted, "mysql": EncryptedMySQL}


class Link(NamedTuple):
    """How a driver reaches a cluster.

    Attributes:
        connect: connects to an endpoint or instance; to the writer endpoint by default.
        settings: the agent's, with which it knows what the addresses mean.
        is_in_use: returns whether anything on the way, the lab's gateway apart, still serves a
            connection to the writer endpoint.
    """

    connect: Callable[..., Any]
    settings: Mapping[str, str]
    is_in_use: Callable[[], bool] = lambda: False


@contextmanager
def encrypted(driver: Descriptor, cluster: Cluster, directory: Path) -> Iterator[Link]:
    """Have nothing but TLS spoken with each endpoint and instance, with one certificate."""
    make = _SERVERS[cluster.engine]
    servers: dict[str, Encrypted] = {}
    with ExitStack() as stack:
        for target in ("writer", "reader", *cluster.instances):
            made = make(cluster.address(target), directory, like=servers.get("writer"))
            servers[target] = stack.enter_context(made.running())

        def connect(target: str = "writer") -> Any:
            server = servers[target]
            host, port = server.address
            place = Place(host, host, port, cluster.user, cluster.password, cluster.database)
            return driver.open({**driver.arguments(place), **_OPTIONS[driver.name](server)})

        places = {name: ":".join(map(str, server.address)) for name, server in servers.items()}
        endpoints = ",".join(f"{each}={places[each]}" for each in cluster.instances)
        settings = {"writer_endpoints": places["writer"], "instance_endpoints": endpoints}
        yield Link(connect, settings, lambda: servers["writer"].is_in_use)
