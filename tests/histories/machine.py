"""Histories: an application and two to four clusters, and everything that may happen to them.

No history shuts down a connection to the writer, and none leaves a stale one behind.
"""

from __future__ import annotations

import logging

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import aurora_otel.agent
from aurora_otel.runtime.gate import Gate
from tests.histories.application import SPEED, Application, Time
from tests.histories.world import EXPLAINED, PORT, TUNNEL, Database, Server, World

numbers = st.integers(0, 11)
# So often the application goes on at the end of a history, at least and at most: a machine that is
# busy holds up refreshes, which have a fiftieth of their time, and logins have their pace.
ROUNDS, MOST_ROUNDS = 4, 16
TICKS = 4
WAYS = ("writer", "reader", "instance", "private", "private reader", "tunnel", "explained")


class Histories(RuleBasedStateMachine):
    """Two to four clusters, and everything that may happen to them in any order."""

    @initialize(
        sizes=st.lists(st.integers(1, 3), min_size=2, max_size=4),
        explains=st.sampled_from(["nothing", "some", "template"]),
        first=st.lists(st.tuples(numbers, st.sampled_from(WAYS), numbers), min_size=3, max_size=8),
    )
    def begin(self, sizes, explains, first):
        self.patched = pytest.MonkeyPatch()
        self.clock = Time()
        wait = Gate.wait
        self.patched.setattr(Gate, "wait", lambda gate, seconds: wait(gate, seconds / SPEED))
        self.patched.setattr(aurora_otel.agent, "_clock", self.clock.now)
        self.patched.setattr(logging.getLogger("aurora_otel"), "disabled", True)
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
        self.application = Application(self.world, self.clock, given)
        self.application.watch(self.patched)
        # Hypothesis leaves rules out of whole histories, that of connecting among them.
        for database, way, which in first:
            self._connect(self._database(database), way, which)

    # What the application does.

    @rule(database=numbers, way=st.sampled_from(WAYS), which=numbers)
    def connect(self, database, way, which):
        self._connect(self._database(database), way, which)

    @rule(which=numbers)
    def write(self, which):
        if self.application.held:
            self.application.write(self._held(which))

    @rule(which=numbers)
    def refuse_a_write_in_a_read_only_transaction(self, which):
        if self.application.held:
            self.application.read_only_transaction(self._held(which))

    @rule(which=numbers)
    def close(self, which):
        if self.application.held:
            self.application.close(self._held(which))

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0, 200.0, 4000.0]))
    def let_time_pass(self, seconds):
        self.clock.passes(seconds)
        self.application.tick()

    @rule()
    def settle(self):
        self.application.settle()

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
                self._cut(old)

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
            self._cut(self._server(database, which))
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
            self._cut(self._server(database, which))
            self._cut(self._server(database, other))
            self.swap_names_under_sessions(database, which, other)

    def swap_names_under_sessions(self, database, which, other):
        """Have two instances change names, and leave their sessions open: for single histories."""
        with self.world.lock:
            one, another = self._server(database, which), self._server(database, other)
            one.name, another.name = another.name, one.name

    # What must hold.

    @precondition(lambda self: hasattr(self, "application"))
    @rule()
    def check_what_was_shut_down(self):
        self._assert_no_healthy_one_was_shut_down()

    def teardown(self):
        if not hasattr(self, "application"):
            return
        try:
            self.application.settle()
            self._assert_no_healthy_one_was_shut_down()
            self._recover()
            self._assert_no_healthy_one_was_shut_down()
            self._assert_none_is_stale()
            assert self.application.agent.shield.failures == {}
        finally:
            self.application.stop()
            self.patched.undo()

    def _assert_no_healthy_one_was_shut_down(self):
        assert not self.application.wronged, self.application.wronged

    def _recover(self):
        """Have every server answer truthfully and every name lead where it should, and go on."""
        with self.world.lock:
            for database in self.world.databases:
                for server in database.servers:
                    server.is_frozen = server.believes = False
                database.dns = database.writer
        for round_ in range(MOST_ROUNDS):
            if round_ >= ROUNDS and not self._stale():
                return
            for database in self.world.databases:
                self._connect(database, "writer", 0)
            for connection in list(self.application.held):
                self.application.write(connection)
            self.application.tick()
            self.application.settle()
            # The background loop goes round all the time, and logins come to be due.
            for _ in range(TICKS):
                self.clock.passes(70.0 / TICKS)
                self.application.tick()
                self.application.settle()

    def _assert_none_is_stale(self):
        assert not self._stale(), self._stale()

    def _stale(self):
        return [
            (each.session.server.name, each.through)
            for each in self.application.held
            if not each.session.server.is_writer
            and self._is_meant_for_the_writer(each)
            and not each.session.is_cut
        ]

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

    def _held(self, number: int):
        return self.application.held[number % len(self.application.held)]

    def _cut(self, server: Server) -> None:
        for connection in self.application.held:
            if connection.session.server is server:
                connection.session.hang_up()

    def _delete(self, server: Server) -> None:
        server.is_gone = True
        self._cut(server)

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
