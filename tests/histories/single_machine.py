"""Histories of names behind each of which is one server at a time."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from aurora_otel.discovery.patience import LASTING
from tests.histories.application import Time
from tests.histories.play import Play, numbers
from tests.histories.servers import PORT
from tests.histories.single_world import Endpoint, Place, SingleWorld

RDS = "orders.aaaaaaaaaaaa.eu-west-1.rds.amazonaws.com"
NAMES = (RDS, "db.internal.example.com")
# What becomes of the server that another one takes over from.
FATES = ("gone", "frozen", "reader", "stays")


class SingleHistories(Play):
    """One or two names, and everything that may happen to what they lead to.

    Attributes:
        system: `db.system.name`.
    """

    system: str

    @initialize(
        count=st.integers(1, 2),
        leaves_dead=st.booleans(),
        first=st.lists(numbers, min_size=3, max_size=8),
    )
    def begin(self, count, leaves_dead, first):
        self.clock = Time()
        endpoints = [Endpoint(name) for name in NAMES[:count]]
        for endpoint in endpoints:
            endpoint.places = [Place(f"{endpoint.name}/{number}") for number in range(2)]
            endpoint.serving = endpoint.dns = endpoint.places[0]
            endpoint.serving.accepts_writes, endpoint.serving.there_since = True, self.clock.now()
        self.world = SingleWorld(self.system, endpoints, self.clock.now)
        self.set_up({"single_endpoints": NAMES[1]})
        self.leaves_dead = leaves_dead
        for which in first:
            self.connect(which)

    @rule(endpoint=numbers)
    def connect(self, endpoint):
        self.application.connect(self.endpoint(endpoint).name, PORT)

    # What happens to the servers.

    @rule(endpoint=numbers, which=numbers, fate=st.sampled_from(FATES), follows=st.booleans())
    def fail_over(self, endpoint, which, fate, follows):
        """Have another server take over; the name may follow later."""
        with self.world.lock:
            chosen, former = self.endpoint(endpoint), self.endpoint(endpoint).serving
            others = [each for each in chosen.places if each is not former]
            chosen.serving = others[which % len(others)]
            chosen.former.add(former)
            self._meet_fate(former, fate)
            self.cut_unless_there(chosen.serving)
            self.world.become(chosen.serving, accepts_writes=True, is_frozen=False, is_gone=False)
            if follows:
                chosen.dns = chosen.serving

    def cut_unless_there(self, place: Place) -> None:
        """End the sessions of a server that was gone, or was no writer: it has been restarted."""
        if not place.accepts_writes:
            self.cut(place)

    def _meet_fate(self, place: Place, fate: str) -> None:
        if fate == "gone":
            self.cut(place)
            self.world.become(place, is_gone=True)
        elif fate == "frozen":
            self.world.become(place, is_frozen=True)
        elif fate == "reader":
            # None of the services of this kind has a server be a reader without a restart.
            self.cut(place)
            self.world.become(place, accepts_writes=False)

    @rule(endpoint=numbers)
    def add_a_server(self, endpoint):
        with self.world.lock:
            chosen = self.endpoint(endpoint)
            chosen.places.append(Place(f"{chosen.name}/{len(chosen.places)}"))

    @rule(endpoint=numbers, which=numbers)
    def freeze(self, endpoint, which):
        with self.world.lock:
            self.world.become(self.place(endpoint, which), is_frozen=True)

    @rule(endpoint=numbers, which=numbers)
    def thaw(self, endpoint, which):
        """Have one answer again, as what it was: an old one goes on to accept writes."""
        with self.world.lock:
            self.world.become(self.place(endpoint, which), is_frozen=False)

    @rule(endpoint=numbers, which=numbers)
    def crash(self, endpoint, which):
        with self.world.lock:
            self._meet_fate(self.place(endpoint, which), "gone")

    @rule(endpoint=numbers, which=numbers)
    def start_again(self, endpoint, which):
        with self.world.lock:
            self.world.become(self.place(endpoint, which), is_gone=False)

    @rule(endpoint=numbers, which=numbers)
    def learn_that_it_is_a_reader(self, endpoint, which):
        with self.world.lock:
            self._meet_fate(self.place(endpoint, which), "reader")

    @rule(endpoint=numbers, which=numbers)
    def become_full_or_free(self, endpoint, which):
        with self.world.lock:
            place = self.place(endpoint, which)
            place.is_full = not place.is_full

    @rule(endpoint=numbers, which=numbers, delay=st.sampled_from([0.0, 0.3, LASTING]))
    def become_slow(self, endpoint, which, delay):
        with self.world.lock:
            self.world.become(self.place(endpoint, which), delay=delay)

    @rule(endpoint=numbers, which=numbers)
    def have_the_name_lead_to(self, endpoint, which):
        with self.world.lock:
            self.endpoint(endpoint).dns = self.place(endpoint, which)

    # How it ends.

    def heal(self):
        for endpoint in self.world.endpoints:
            for each in endpoint.places:
                each.is_full = False
                self.world.become(each, delay=0.0)
                if each is endpoint.serving:
                    self.world.become(each, is_frozen=False, is_gone=False, accepts_writes=True)
                elif not (each.is_frozen and self.leaves_dead):
                    self.world.become(each, is_frozen=False)
                    self._meet_fate(each, "reader")
            endpoint.dns = endpoint.serving

    def connect_to_writers(self):
        for number, _ in enumerate(self.world.endpoints):
            self.connect(number)

    def is_stale(self, connection):
        place = connection.session.server
        (endpoint,) = (each for each in self.world.endpoints if place in each.places)
        # While one is silent, another that served before it may be an old one that has resumed.
        is_in_doubt = place.is_frozen and endpoint.serving in endpoint.former
        # A reader on which no write was refused is left alone, and one that is dead refuses none.
        may_be_known = (place.was_writer or place.answers) and not is_in_doubt
        return place is not endpoint.serving and may_be_known

    # Who is meant.

    def endpoint(self, number: int) -> Endpoint:
        """Return one of the names."""
        return self.world.endpoints[number % len(self.world.endpoints)]

    def place(self, endpoint: int, number: int) -> Place:
        """Return one of a name's servers."""
        places = self.endpoint(endpoint).places
        return places[number % len(places)]


class SinglePostgreSQLHistories(SingleHistories):
    """PostgreSQL."""

    system = "postgresql"


class SingleMySQLHistories(SingleHistories):
    """MySQL or MariaDB."""

    system = "mysql"
