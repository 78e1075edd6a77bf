"""Where the lab is: what a process of its own needs to connect there. Also stands in for DNS."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_otel.lab import Cluster
from aurora_otel.lab.conninfo import conninfo


@dataclass(frozen=True, slots=True)
class Place:
    """A running lab, seen from another process.

    Attributes:
        hosts: the endpoints' and instances' names, as Aurora gives them.
        addresses: where they are.
        port: of all of them.
        user: of the application.
        password: of the application.
        database: of the application.
        environment: what our agent needs to know.
    """

    hosts: dict[str, str]
    addresses: dict[str, str]
    port: int
    user: str
    password: str
    database: str
    instance_endpoints: str

    @staticmethod
    def of(cluster: Cluster) -> Place:
        """Return where `cluster` is."""
        targets = ("writer", "reader", *cluster.instances)
        return Place(
            {target: cluster.host(target) for target in targets},
            {cluster.host(target): cluster.address(target)[0] for target in targets},
            cluster.address("writer")[1],
            cluster.user,
            cluster.password,
            cluster.database,
            cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"],
        )

    def parameters(self, target: str, **more: object) -> dict[str, object]:
        """Return the connection parameters without an address: a host that is to be resolved."""
        login = {"user": self.user, "password": self.password, "dbname": self.database}
        return {"host": self.hosts[target], "port": self.port, **login, "sslmode": "disable"} | more

    def dsn(self, target: str, **more: object) -> str:
        """Return a connection string with the address."""
        address = self.addresses[self.hosts[target]]
        return conninfo(self.parameters(target, **{"hostaddr": address, **more}))
