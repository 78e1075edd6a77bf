"""Histories of PostgreSQL with standbys, and of MySQL with replicas."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from aurora_otel.drivers.marks import track_of
from aurora_otel.model.endpoints import Address
from tests.histories.application import Time
from tests.histories.plain_world import TOO_SLOW, Database, Member, PlainWorld
from tests.histories.play import Play, numbers
from tests.histories.servers import PORT, TUNNEL, new_address

WAYS = ("writer", "service", "reader", "member", "address", "balancer", "tunnel", "all", "several")
READERS = "reader"


class PlainHistories(Play):
    """One or two clusters of servers with replicas, and everything that may happen to them."""

    system: str
    new_world = PlainWorld

    @initialize(
        sizes=st.lists(st.integers(1, 3), min_size=1, max_size=2),
        shows=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        lists_members=st.booleans(),
        leaves_primaries=st.booleans(),
        first=st.lists(st.tuples(numbers, st.sampled_from(WAYS), numbers), min_size=3, max_size=8),
    )
    def begin(self, sizes, shows, lists_members, leaves_primaries, first):
        self.clock = Time()
        databases = [Database(f"db{number}", *shows) for number, _ in enumerate(sizes)]
        for database, size in zip(databases, sizes, strict=True):
            primary, *standbys = [
                Member(f"{database.name}-{each}", database) for each in range(size)
            ]
            primary.accepts_writes = True
            for each in standbys:
                each.follows = primary
            database.members, database.dns = [primary, *standbys], primary
        self.leaves_primaries = leaves_primaries
        clock = self.clock.now
        self.world = self.new_world(self.system, databases, clock, lists_members=lists_members)
        self.set_up({"members": self._all_members()} if lists_members else {})
        for database, way, which in first:
            self.connect(database, way, which)

    def _all_members(self):
        return ";".join(
            ",".join(
                f"{host}:{PORT}"
                for host in (f"{each.name}-rw", *(f"{member.name}.pods" for member in each.members))
            )
            for each in self.world.databases
        )

    # What the application does.

    @rule(database=numbers, way=st.sampled_from(WAYS), which=numbers)
    def connect(self, database, way, which):
        chosen, member = self.database(database), self.member(database, which)
        name = chosen.name
        host, port = {
            "writer": (f"{name}-rw", PORT),
            "service": (name, PORT),
            READERS: (f"{name}-ro", PORT),
            "member": (f"{member.name}.pods", PORT),
            "address": member.address,
            "balancer": chosen.balancer,
            "tunnel": (TUNNEL, chosen.tunnel),
            "all": (f"{name}-all", PORT),
            "several": (f"{member.name}.pods", PORT),
        }[way]
        several = [Address(f"{each.name}.pods", PORT) for each in chosen.members]
        self.application.connect(host, port, tuple(several) if way == "several" else ())

    # What happens to the clusters.

    @rule(database=numbers, which=numbers, follows=st.booleans(), others_follow=st.booleans())
    def switch_over(self, database, which, follows, others_follow):
        """Promote a replica, once the primaries that answer are replicas."""
        with self.world.lock:
            chosen, promoted = self.database(database), self.member(database, which)
            if promoted.accepts_writes or promoted.is_frozen or promoted.is_gone:
                return
            for each in chosen.primaries:
                if not (each.is_frozen or each.is_gone):
                    promoted.timeline = max(promoted.timeline, each.timeline)
                    self.become_replica(each, promoted)
            self._promote(promoted, follows=follows, others_follow=others_follow)

    @rule(database=numbers, which=numbers, follows=st.booleans(), others_follow=st.booleans())
    def promote_beside(self, database, which, follows, others_follow):
        """Promote a replica; what else accepts writes goes on doing so."""
        with self.world.lock:
            promoted = self.member(database, which)
            if not (promoted.is_frozen or promoted.is_gone):
                self._promote(promoted, follows=follows, others_follow=others_follow)

    def _promote(self, promoted: Member, *, follows: bool, others_follow: bool) -> None:
        database = promoted.database
        self.world.promote(promoted)
        if follows:
            database.dns = promoted
        for each in database.members:
            if others_follow and not each.accepts_writes and each.answers:
                self.world.demote(each, promoted)

    @rule(database=numbers, which=numbers)
    def make_it_a_replica(self, database, which):
        with self.world.lock:
            member = self.member(database, which)
            if not (member.is_frozen or member.is_gone):
                others = [each for each in member.database.rightful if each is not member]
                self.become_replica(member, next(iter(others), None))

    def become_replica(self, member: Member, follows: Member | None) -> None:
        """Have a server accept no writes any more."""
        self.world.demote(member, follows)

    @rule(database=numbers, which=numbers)
    def freeze(self, database, which):
        self.member(database, which).is_frozen = True

    @rule(database=numbers, which=numbers, delay=st.sampled_from([0.05, 0.3, TOO_SLOW]))
    def become_slow(self, database, which, delay):
        self.member(database, which).delay = delay

    @rule(database=numbers, which=numbers)
    def crash(self, database, which):
        with self.world.lock:
            member = self.member(database, which)
            member.is_gone = True
            self.cut(member)

    @rule(database=numbers, which=numbers)
    def come_back(self, database, which):
        """Thaw, be quick again, or start again as what it was."""
        with self.world.lock:
            self.world.wake(self.member(database, which))

    @rule(database=numbers, which=numbers)
    def have_names_lead_to(self, database, which):
        with self.world.lock:
            self.database(database).dns = self.member(database, which)

    # How it ends.

    def heal(self):
        for database in self.world.databases:
            for each in database.members:
                self.world.wake(each)
                each.delay = 0.0
            database.dns = self.rightful(database)
            for each in database.primaries:
                if each is not database.dns and not self._is_left(each):
                    self.become_replica(each, database.dns)
            for each in database.members:
                each.follows = None if each.accepts_writes else database.dns

    def rightful(self, database: Database) -> Member:
        """Return the writer from now on."""
        found = self.world.writers(database)
        if not found:
            member = max(database.members, key=lambda each: each.timeline)
            self.world.promote(member)
            return member
        return max(found, key=lambda each: each.promoted)

    def _is_left(self, member: Member) -> bool:
        """Return whether a primary goes on to accept writes beside the rightful one."""
        return self.leaves_primaries and member not in self.world.writers(member.database)

    def connect_to_writers(self):
        for number, _ in enumerate(self.world.databases):
            self.connect(number, "writer", 0)

    def is_stale(self, connection):
        """Return whether it leads to another server, and not by its own right."""
        member, database = connection.session.server, connection.session.server.database
        host = connection.through.rpartition(":")[0]
        if member is database.dns or host == f"{database.name}-ro":
            return False
        is_writers_name = host == f"{database.name}-rw"
        if member.accepts_writes:
            # No write is refused: what shows that it is stale is that the name leads elsewhere now.
            shows = database.shows_replicas and is_writers_name
            return shows and self._is_where_name_leads(connection)
        if self.world.lists_members and (is_writers_name or host.endswith(".pods")):
            return True
        return database.shows_replicas and self._leads_to_writer(database, connection)

    def _is_where_name_leads(self, connection) -> bool:
        """Return whether the agent has it in the cluster that its name is known to lead to."""
        track, session = track_of(connection), connection.session
        bindings = self.application.agent.clusters.bindings
        leads_to = bindings.of_host(Address(session.host, session.port))
        return track is not None and leads_to in (track.cluster.current, None)

    def _leads_to_writer(self, database: Database, connection) -> bool:
        """Return whether the agent finds the writer where the application itself connects."""
        name, through = database.name, connection.through
        if database.shows_places and self.system == "postgresql":
            return True
        if through == f"{name}-all:{PORT}":
            # The readers and the writer may be two clusters: only the one is asked there.
            return self._is_where_name_leads(connection)
        # Another cluster's tunnel leads to this one for a time at most.
        tunnel = Address(TUNNEL, database.tunnel)
        names = (Address(name, PORT), Address(f"{name}-rw", PORT), database.balancer, tunnel)
        return through in map(str, names)

    # Who is meant.

    def database(self, number: int) -> Database:
        """Return one of the clusters."""
        return self.world.databases[number % len(self.world.databases)]

    def member(self, database: int, number: int) -> Member:
        """Return one of a cluster's servers."""
        members = self.database(database).members
        return members[number % len(members)]


class PostgreSQLHistories(PlainHistories):
    """PostgreSQL with standbys: a primary has to restart to become one, and ends its sessions."""

    system = "postgresql"

    def become_replica(self, member, follows):
        super().become_replica(member, follows)
        self.cut(member)

    @rule(database=numbers, which=numbers)
    def restart_at_another_address(self, database, which):
        """Have a server restart elsewhere, as a pod does."""
        with self.world.lock:
            member = self.member(database, which)
            self.cut(member)
            member.address = new_address()

    @precondition(lambda self: len(self.world.databases) > 1)
    @rule(database=numbers)
    def have_names_lead_to_another_cluster(self, database):
        with self.world.lock:
            self.database(database).dns = self.database(database + 1).dns


class MySQLHistories(PlainHistories):
    """MySQL or MariaDB with replicas: sessions survive that it becomes read-only."""

    system = "mysql"
