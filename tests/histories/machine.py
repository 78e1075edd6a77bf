"""Histories: an application and two to four clusters, and everything that may happen to them.

No history shuts down a connection to the writer, and none leaves a stale one behind.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.histories.application import Time
from tests.histories.play import Play, numbers
from tests.histories.servers import PORT, TUNNEL
from tests.histories.world import EXPLAINED, Database, Server, World

WAYS = ("writer", "reader", "instance", "private", "private reader", "tunnel", "explained")


class Histories(Play):
    """Two to four clusters, and everything that may happen to them in any order."""

    @initialize(
        sizes=st.lists(st.integers(1, 3), min_size=2, max_size=4),
        explains=st.sampled_from(["nothing", "some", "template"]),
        first=st.lists(st.tuples(numbers, st.sampled_from(WAYS), numbers), min_size=3, max_size=8),
    )
    def begin(self, sizes, explains, first):
        self.clock = Time()
        self.world = World(sizes)
        explained = self.world.databases[0]
        given: dict[str, str] = {
            "writer_endpoints": ",".join(f"{each.name}.internal" for each in self.world.databases)
        }
        if explains == "some":
            name = explained.servers[0].name
            given["instance_endpoints"] = f"{name}={name}.{EXPLAINED}:{PORT}"
        elif explains == "template":
            given["instance_host_template"] = f"?.{EXPLAINED}:{PORT}"
        self.created = 0
        self.explains = explains
        self.set_up(given)
        # Hypothesis leaves rules out of whole histories, that of connecting among them.
        for database, way, which in first:
            self._connect(self._database(database), way, which)

    # What the application does.

    @rule(database=numbers, way=st.sampled_from(WAYS), which=numbers)
    def connect(self, database, way, which):
        self._connect(self._database(database), way, which)

    # What happens to the clusters.

    @rule(database=numbers, which=numbers, follows=st.booleans(), cuts=st.booleans())
    def fail_over(self, database, which, follows, cuts):
        """Promote another server; its names may follow later, its sessions may stay open."""
        with self.world.lock:
            chosen = self._database(database)
            candidates = [each for each in chosen.readers if not each.is_frozen]
            if not candidates:
                return
            old = chosen.writer
            self.world.promote(chosen, candidates[which % len(candidates)])
            if follows:
                chosen.dns = chosen.writer
            if old.is_frozen:
                old.believes = True
            elif cuts:
                self.cut(old)

    @rule(database=numbers, which=numbers)
    def freeze(self, database, which):
        self._server(database, which).is_frozen = True

    @rule(database=numbers, which=numbers)
    def thaw(self, database, which):
        self._server(database, which).is_frozen = False

    @rule(database=numbers, which=numbers)
    def learn_that_it_is_a_reader(self, database, which):
        self._server(database, which).believes = False

    @rule(database=numbers)
    def have_names_follow(self, database):
        with self.world.lock:
            chosen = self._database(database)
            chosen.dns = chosen.writer

    @rule(database=numbers, which=numbers)
    def delete_a_reader(self, database, which):
        with self.world.lock:
            chosen = self._database(database)
            if chosen.readers:
                self._delete(chosen.readers[which % len(chosen.readers)])

    @rule(database=numbers)
    def add_a_reader(self, database):
        self.created += 1
        with self.world.lock:
            self._database(database).add(f"new-{self.created}")

    @rule(origin=numbers, destination=numbers, which=numbers)
    def move_a_name_to_another_cluster(self, origin, destination, which):
        """Delete an instance here and create one of the same name there, in one account."""
        with self.world.lock:
            old, new = self._database(origin), self._database(destination)
            if old.domain == new.domain and old.readers:
                moved = old.readers[which % len(old.readers)]
                self._delete(moved)
                new.add(moved.name)

    @rule(database=numbers, which=numbers)
    def rename(self, database, which):
        """Give an instance another name.

        Aurora restarts an instance that is renamed ("Modifying an Amazon Aurora DB cluster", DB
        instance identifier: an outage occurs, and the DB instance is rebooted), so that its
        sessions end.
        """
        with self.world.lock:
            self.cut(self._server(database, which))
            self.rename_under_sessions(database, which)

    def rename_under_sessions(self, database, which):
        """Give an instance another name, and leave its sessions open: for single histories."""
        self.created += 1
        with self.world.lock:
            self._server(database, which).name = f"renamed-{self.created}"

    @rule(database=numbers, which=numbers, other=numbers)
    def swap_names(self, database, which, other):
        """Have two instances of one cluster change names; the sessions of both end, as above."""
        with self.world.lock:
            self.cut(self._server(database, which))
            self.cut(self._server(database, other))
            self.swap_names_under_sessions(database, which, other)

    def swap_names_under_sessions(self, database, which, other):
        """Have two instances change names, and leave their sessions open: for single histories."""
        with self.world.lock:
            one, another = self._server(database, which), self._server(database, other)
            one.name, another.name = another.name, one.name

    # How it ends.

    def heal(self):
        for database in self.world.databases:
            for server in database.servers:
                server.is_frozen = server.believes = False
            database.dns = database.writer

    def connect_to_writers(self):
        for database in self.world.databases:
            self._connect(database, "writer", 0)

    def is_stale(self, connection):
        is_writer = connection.session.server.is_writer
        return not is_writer and self._is_meant_for_the_writer(connection)

    def _is_meant_for_the_writer(self, connection):
        host = connection.through.rpartition(":")[0]
        return any(
            host in (f"{each.name}.cluster-{each.domain}", f"{each.name}.internal")
            for each in self.world.databases
        )

    # Who is meant.

    def _database(self, number: int) -> Database:
        return self.world.databases[number % len(self.world.databases)]

    def _server(self, database: int, number: int) -> Server:
        there = self._database(database).there
        return there[number % len(there)]

    def _delete(self, server: Server) -> None:
        server.is_gone = True
        self.cut(server)

    def _connect(self, database: Database, way: str, which: int) -> None:
        member = database.there[which % len(database.there)].name
        host, port = {
            "writer": (f"{database.name}.cluster-{database.domain}", PORT),
            "reader": (f"{database.name}.cluster-ro-{database.domain}", PORT),
            "instance": (f"{member}.{database.domain}", PORT),
            "private": (f"{database.name}.internal", PORT),
            "private reader": (f"{database.name}-ro", PORT),
            "tunnel": (TUNNEL, database.tunnel),
            "explained": (f"{self.world.databases[0].there[0].name}.{EXPLAINED}", PORT),
        }[way]
        if self._is_explained_wrongly(database, way):
            return
        self.application.connect(host, port)

    def _is_explained_wrongly(self, database: Database, way: str) -> bool:
        """Whether the settings lead from a private name to another cluster's instances.

        They explain the first cluster's bare names. Instances of another region are called alike,
        and nothing but an RDS name beside it shows the region of what a private name leads to: the
        agent asks the instances that the settings name, and those answer truthfully.
        """
        first = self.world.databases[0]
        return (
            self.explains != "nothing"
            and way in ("private", "private reader", "tunnel")
            and database.domain != first.domain
        )
