"""What is added to connect?"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import psycopg
import psycopg2
from psycopg import conninfo

from aurora_otel.drivers.common import psycopg_connects
from aurora_otel.drivers.connects import Attempt, Login, Opening
from aurora_otel.drivers.psycopg import Adapter
from aurora_otel.drivers.psycopg2 import adapter
from aurora_otel.instrumentor import running_agent
from aurora_otel.lab import Cluster
from aurora_otel.runtime import blocking
from benchmarks import counted, floor
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.contenders import CONTENDERS, OURS, OURS_METRICS, PLAIN
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.measure import Block, Effort, Rounds, in_turn, repeat
from benchmarks.place import Place
from benchmarks.subjects import subjects
from benchmarks.turns import round_trips

TITLE = "Added to connect"

FLOOR = "floor"
# A connection that is reported once it is open, and one whose connect the agent carries out.
REPORTED, LED = "reported", "led"
# Functions that a connect may call for the agent, its drivers' files and OpenTelemetry.
CALLS = {OURS: 265, OURS_METRICS: 490, LED: 50}
# Times the floor. It makes 9, 263 and 8 calls: there are 28, 1.8 and 6 times as many. Each
# may take 2 to 3 times as long: half of them make a value, and their code has left the caches.
LIMITS = {OURS: 56.0, OURS_METRICS: 6.0, LED: 20.0}

NOTES = """\
The floor is what no library can go below that tracks a connection: an empty Python wrapper, a weak
reference in a set, and two questions about its socket that the kernel answers; with
metrics and spans, a span and a measurement of OpenTelemetry's SDK besides. For a connect that
could go straight to the writer, which the agent carries out itself, it is two empty wrappers, of
which one leaves a note for the other. All of it is measured beside the agent, in the same run,
with a connect that does nothing.

What a connect has to do besides, by the profile: it classifies the host, finds the cluster and the
group by which the connection is counted, and keeps the login for the agent's own connections. Each
of these steps is shielded from failing into the application. How many functions that calls is
counted: it is the same on every machine, and what is added may take as long as so many calls do."""


def measure(bench: Bench) -> Answer:
    """Measure our own part with a connect that does nothing, and count the round trips."""
    place = bench.place
    figures = []
    for name, function in (("psycopg", _null_psycopg), ("psycopg2", _null_psycopg2)):
        for contender in (OURS, OURS_METRICS):
            rounds = apart(function, place, contender, bench.effort(300))
            bench.keep(f"null connect, {name}", rounds)
            title = f"instance endpoint, {name}, {contender}"
            times = rounds.of_floor(contender, FLOOR, beyond=PLAIN)
            limit = LIMITS[contender]
            figures.append(Figure(f"{title}: of the floor", times, "times", limit))
            figures.append(Figure(title, rounds.added(contender, PLAIN) * 1e6, "µs"))
    figures += _straight(bench, place)
    figures += _called(place)
    with subjects(place, *CONTENDERS) as running:
        for endpoint, target, limit in (("instance", "lab-1", 0), ("writer", "writer", 1)):
            # The name decides what we do; the address leads through the gateway, which counts.
            more = {"host": bench.cluster.host(target)}
            plain, ours = (
                _round_trips(
                    bench.cluster, functools.partial(running[name].ask, "open", "writer", more, 1)
                )
                for name in (PLAIN, OURS)
            )
            beyond = float(ours - plain)
            title = f"round trips added, {endpoint} endpoint"
            figures.append(Figure(title, Spread.of([beyond]), "", limit))
        blocks = {
            f"{name}, {target}": subject.block("open", target, {})
            for name, subject in running.items()
            for target in ("lab-1", "writer")
        }
        rounds = bench.keep("connect", in_turn(blocks, bench.effort(60, 0.01)))
    bars = {
        name.replace("lab-1", "instance endpoint").replace(", writer", ", writer endpoint"): (
            rounds.spread(name) * 1e3
        )
        for name in rounds.seconds
    }
    return Answer(tuple(figures), Bars("ms per connect and close", bars), NOTES)


def _called(place: Place) -> Iterator[Figure]:
    """Count the calls of functions: no machine makes them more or fewer."""
    counts = {name: apart(_calls, place, name) for name in (OURS, OURS_METRICS)}
    counts[LED] = apart(_calls_of_led, place, OURS)
    for name, limit in CALLS.items():
        title = "could go straight to the writer" if name == LED else name
        for shown, what, most in ((title, name, limit), (f"{title}, the floor", FLOOR, None)):
            found = Spread.of([float(counts[name][what])])
            yield Figure(f"calls of functions, psycopg: {shown}", found, "", most)


def null_connect(place: Place, contender: str, target: str = "lab-1") -> Callable[[], object]:
    """Return a connect of psycopg, with a contender, the network's part of which is null."""
    dsn = place.dsn(target)
    stock = psycopg.connect(dsn)

    def connect_gen(*_: Any, **__: Any) -> Generator[Any, Any, Any]:
        return stock
        yield

    owner: Any = psycopg.Connection
    owner._connect_gen = classmethod(connect_gen)
    CONTENDERS[contender](place)
    # The first connection to a cluster is asked, every later one to an instance is not.
    psycopg.connect(dsn)
    return lambda: psycopg.connect(dsn)


def _null_psycopg(place: Place, contender: str, effort: Effort) -> Rounds:
    """Measure connect of psycopg, whose part that goes to the network does nothing."""
    owner: Any = psycopg.Connection
    opened = null_connect(place, contender)
    ours = vars(owner)["_connect_gen"]
    null = ours.__wrapped__

    def block(connect: Any) -> Block:
        def run(loops: int) -> float:
            owner._connect_gen = connect
            return repeat(opened)(loops)

        return run

    blocks = {PLAIN: block(null), contender: block(ours), FLOOR: repeat(_floor(contender))}
    return in_turn(blocks, effort)


def _null_psycopg2(place: Place, contender: str, effort: Effort) -> Rounds:
    """Measure the same with psycopg2."""
    dsn = place.dsn("lab-1")
    stock: list[Any] = []
    owner: Any = psycopg2
    original = owner._connect

    def null(*args: Any, **kwargs: Any) -> Any:
        return stock[0] if stock else original(*args, **kwargs)

    owner._connect = null
    CONTENDERS[contender](place)
    ours = owner._connect
    stock.append(psycopg2.connect(dsn))
    # The one connection stands for new ones, of which none has a track.
    below: Any = adapter
    below.track_by_reference = _no_track

    def block(connect: Any) -> Block:
        def run(loops: int) -> float:
            owner._connect = connect
            return repeat(lambda: psycopg2.connect(dsn))(loops)

        return run

    blocks = {PLAIN: block(null), contender: block(ours), FLOOR: repeat(_floor(contender))}
    return in_turn(blocks, effort)


def _floor(contender: str) -> Callable[[], None]:
    """Return a call of what `contender` cannot go below."""
    track = floor.opening()
    if contender == OURS:
        return track
    emit = floor.span_and_record()

    def both() -> None:
        track()
        emit()

    return both


def _straight(bench: Bench, place: Place) -> Iterator[Figure]:
    """Measure what a healthy connect pays for being one that could go straight to the writer."""
    rounds = apart(_reported_and_led, place, OURS, bench.effort(300))
    bench.keep("a connect that could go straight", rounds)
    title = "psycopg, writer endpoint: could go straight to the writer"
    times = rounds.of_floor(LED, FLOOR, beyond=REPORTED)
    yield Figure(f"{title}: of the floor", times, "times", LIMITS[LED])
    yield Figure(title, rounds.added(LED, REPORTED) * 1e6, "µs")


def _reported_and_led(place: Place, contender: str, effort: Effort) -> Rounds:
    """Measure both with a connection that exists already, and whose server is not asked."""
    both = {name: repeat(connect) for name, connect in _both(place, contender).items()}
    return in_turn({**both, FLOOR: repeat(floor.carrying_out())}, effort)


def _calls(place: Place, contender: str) -> dict[str, int]:
    """Count the functions that are called beyond what a connect calls without the agent."""
    opened = null_connect(place, contender)
    owner: Any = psycopg.Connection
    ours = counted.calls(opened)
    owner._connect_gen = vars(owner)["_connect_gen"].__wrapped__
    return {contender: ours - counted.calls(opened), FLOOR: counted.calls(_floor(contender))}


def _calls_of_led(place: Place, contender: str) -> dict[str, int]:
    """Count the same for a connect that could go straight to the writer."""
    both = {name: counted.calls(connect) for name, connect in _both(place, contender).items()}
    return {LED: both[LED] - both[REPORTED], FLOOR: counted.calls(floor.carrying_out())}


def _both(place: Place, contender: str) -> dict[str, Callable[[], None]]:
    CONTENDERS[contender](place)
    given, dsn = place.parameters("lab-1"), place.dsn("lab-1")
    # As psycopg resolves it: the address comes last.
    found: list[dict[str, Any]] = [{**given, "hostaddr": place.addresses[place.hosts["lab-1"]]}]
    attempt = conninfo.make_conninfo("", **found[0])
    connection = psycopg.connect(dsn)
    agent: Any = running_agent()
    hooks, driver, login = agent.hooks, Adapter(), Login(dsn)

    def opening(_: Any = None) -> Opening:
        return Opening(connection, login, connect, time.time_ns())

    def connect() -> Any:
        return connection

    def reported() -> None:
        hooks.opened(driver, opening())

    def led() -> None:
        psycopg_connects.resolve(hooks, lambda _: found, (given,), {})
        asked = psycopg_connects.Asked(hooks, psycopg.Connection._connect_gen, attempt)
        if asked.host is None:
            raise TypeError("the host that was given was not recognised")
        made = Attempt(asked.host, connect, asked.connect_straight, opening)
        blocking.run(hooks.connect_steps(driver, made))

    return {REPORTED: reported, LED: led}


def _no_track(_: Any) -> None:
    return None


def _round_trips(cluster: Cluster, connect: Callable[[], object]) -> int:
    """Count the round trips of a connect and a close that is not the first one."""
    connect()
    return sum(round_trips(cluster, connect))
