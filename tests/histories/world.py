"""Fake Aurora clusters: each server answers truthfully, but for an old writer that resumed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aurora_otel.discovery import SYSTEMS
from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.model.endpoints import Address
from tests.histories import servers
from tests.histories.servers import TUNNEL, Session
from tests.support import probes

if TYPE_CHECKING:
    from aurora_otel.drivers.protocol import Rows
    from aurora_otel.tracking.cluster import Cluster

SOURCE = AuroraPostgreSQL()
REGIONS = (
    "aaaaaaaaaaaa.eu-west-1.rds.amazonaws.com",
    "bbbbbbbbbbbb.us-east-1.rds.amazonaws.com",
)
# Hosts of this domain are those of INSTANCE_ENDPOINTS; they lead to the first cluster's instances.
EXPLAINED = "lab.example.com"


@dataclass(eq=False)
class Server(servers.Server):
    """One instance.

    Attributes:
        database: the cluster that it belongs to.
        believes: whether it takes itself for the writer although it is not: it has just thawed.
        promoted: the moment at which it became the writer; see `World.moment`.
    """

    database: Database
    believes: bool = False
    promoted: int = 0

    @property
    def is_writer(self) -> bool:
        """Return whether it really is the writer."""
        return self.database.writer is self

    @property
    def accepts_writes(self) -> bool:
        """Return whether it accepts writes."""
        return self.is_writer

    @property
    def claims_writer(self) -> bool:
        """Return whether it claims to be the writer."""
        return self.is_writer or self.believes

    @property
    def view(self) -> list[tuple[str, bool]]:
        """Return its view of the cluster: names, and whether each is the writer."""
        writer = self if self.believes else self.database.writer
        there = [each for each in self.database.servers if not each.is_gone]
        return [(each.name, each is writer) for each in there]


@dataclass(eq=False)
class Database:
    """One cluster: its servers, its writer, and where its names lead.

    Attributes:
        name: the cluster identifier.
        domain: the RDS domain of its region and account.
        servers: all that were ever in it.
        writer: the writer in truth.
        dns: where the writer endpoint leads; it may lag.
        tunnel: the port of a tunnel on this host that leads to it.
    """

    name: str
    domain: str
    tunnel: int
    servers: list[Server] = field(default_factory=list)
    writer: Server = field(init=False)
    dns: Server = field(init=False)

    @property
    def there(self) -> list[Server]:
        """Return the servers that exist now."""
        return [each for each in self.servers if not each.is_gone]

    @property
    def readers(self) -> list[Server]:
        """Return the servers that are not the writer."""
        return [each for each in self.there if not each.is_writer]

    def add(self, name: str) -> Server:
        """Create an instance."""
        server = Server(name, self)
        self.servers.append(server)
        return server


class World(servers.Servers):
    """Every cluster, and where each name leads.

    Attributes:
        claimed: by cluster and name, the moment at which an instance last answered that it is the
            writer.
    """

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.databases: list[Database] = []
        self.claimed: dict[tuple[Database, str], int] = {}
        self._moments = itertools.count(1)
        for number, size in enumerate(sizes):
            # Equal instance names in two regions; two clusters in one region have different ones.
            region = REGIONS[number % 2]
            database = Database(f"cluster{number}", region, 15000 + number)
            for member in range(size):
                database.add(f"db{number // 2}-{member}")
            database.writer = database.dns = database.servers[0]
            self.databases.append(database)

    def moment(self) -> int:
        """Return the present moment: a number that grows."""
        return next(self._moments)

    def promote(self, database: Database, server: Server) -> None:
        """Make `server` the writer."""
        database.writer = server
        server.believes = False
        server.promoted = self.moment()

    def answer(self, session: Session, statement: str) -> Rows:
        """Return what a session's server answers."""
        server = session.server
        assert isinstance(server, Server)
        if statement == SYSTEMS[self.system].probe:
            return [probes.of_aurora(session.number)]
        reader = "false" if server.claims_writer else "true"
        self.answers_for(server)
        me = (server.name, reader, session.number)
        if statement == SOURCE.question(view=False):
            return [me]
        return [
            (*me, name, "MASTER_SESSION_ID" if is_writer else "s", "0.1")
            for name, is_writer in server.view
        ]

    def is_wronged(self, session: Session, cluster: Cluster | None) -> bool:
        """Return whether its server is the writer, and was when the one believed claimed to be."""
        server = session.server
        assert isinstance(server, Server)
        believed = cluster.detector.writer if cluster else None
        return server.is_writer and self.was_writer_when_claimed(server, believed)

    def answers_for(self, server: Server) -> None:
        """Take note of what `server` answers now."""
        if server.claims_writer:
            self.claimed[server.database, server.name] = self.moment()

    def was_writer_when_claimed(self, server: Server, claimant: str | None) -> bool:
        """Return whether `server` was the writer when another one last claimed to be.

        A refresh takes time. Where the writer changes between an answer and what is done about it,
        no client can know: what was true when it was answered was no mistake.
        """
        claimed = self.claimed.get((server.database, claimant or ""))
        return claimed is None or server.promoted < claimed

    def find(self, name: str, domain: str) -> Server | None:
        """Return the server that has a name now."""
        found = [
            each
            for database in self.databases
            if database.domain == domain
            for each in database.there
            if each.name == name
        ]
        return found[0] if found else None

    def at(self, address: Address) -> Server | None:
        """Return the server that has a network address."""
        everywhere = (server for database in self.databases for server in database.servers)
        return next((each for each in everywhere if each.address == address), None)

    def resolve(self, host: str, port: int) -> Server | None:
        """Return the server that a host and port lead to now."""
        for database in self.databases:
            if host == f"{database.name}.cluster-{database.domain}":
                return database.dns
            if host in (f"{database.name}.cluster-ro-{database.domain}", f"{database.name}-ro"):
                readers = database.readers
                return readers[0] if readers else database.writer
            if host == f"{database.name}.internal" or (host, port) == (TUNNEL, database.tunnel):
                return database.dns
        name, _, domain = host.partition(".")
        return self.find(name, REGIONS[0] if domain == EXPLAINED else domain)
