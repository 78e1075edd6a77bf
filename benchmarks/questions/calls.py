"""What is added to a call on a healthy connection?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import psycopg
import psycopg2
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from psycopg2 import extensions

from aurora_otel import AuroraInstrumentor
from aurora_otel.drivers.common.watching import watch
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Failure
from benchmarks import contenders, null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.contenders import AWS_TRACKER, CONTENDERS, OURS, PLAIN
from benchmarks.figures import Answer, Bars, Figure
from benchmarks.floor import OF_EMPTY, empty, two_attributes
from benchmarks.measure import Block, Effort, Rounds, in_turn, joined, repeat
from benchmarks.pinned import pin
from benchmarks.place import Place
from benchmarks.subjects import subjects

TITLE = "Added to a call on a healthy connection"

# So many processes, one after the other, measure what is added to a round trip.
PROCESSES = 3

YARDSTICK = "empty wrapper"
ATTRIBUTES = "two attributes"

NOTES = """\
What is added to `SELECT 1` is measured with client and server kept on one processor, where the
noise is least. Its target is what an empty wrapper adds in the same run, which means the same on
every machine; for people it is also given as a share of a `SELECT 1` with each on a processor of
its own, as server and client usually are. The context switches of a round trip leave cold caches
behind: what a null call shows takes several times as long there, for any wrapper written in
Python: the last row for each driver has what an empty one takes (`def call(self, *args,
**kwargs): return original(self, *args, **kwargs)`). Ours takes less than that one: it is written
with the wrapped method's own parameters, because most of a wrapper's cost is packing and
unpacking them. What is left on a null call is taken apart under "Where the time goes".

The plot shows all contenders with client and server on one processor, each in its own process."""


def measure(bench: Bench) -> Answer:
    """Measure it on null drivers and over loopback."""
    place = bench.place
    nulls = {
        "null method": apart(_null_method, bench.effort(400)),
        "null psycopg wait": apart(_null_wait, place, bench.effort(400)),
        "null psycopg2 execute": apart(_null_execute, place, bench.effort(400)),
    }
    figures = []
    for name, rounds in nulls.items():
        bench.keep(name, rounds)
        added, what = rounds.added(OURS, PLAIN), f"added to a {name}"
        times = added * (1 / rounds.added(YARDSTICK, PLAIN).middle)
        figures.append(Figure(f"{what}: of what an empty wrapper adds", times, "times", OF_EMPTY))
        figures.append(Figure(what, added * 1e6, "µs"))
    for name, function in (("psycopg", _select_psycopg), ("psycopg2", _select_psycopg2)):
        figures += _select(bench, name, function)
    rounds = bench.keep("recording span", apart(_recording_span, place, bench.effort(600)))
    added = rounds.added(contenders.BOTH, contenders.UPSTREAM)
    times = rounds.of_floor(contenders.BOTH, ATTRIBUTES, beyond=contenders.UPSTREAM)
    name = "added to upstream's recording query span"
    figures.append(Figure(f"{name}: of setting two attributes", times, "times", 2.5))
    figures.append(Figure(name, added * 1e6, "µs"))
    rounds = bench.keep("null execute, AWS", apart(_aws, place, bench.effort(400)))
    for name in (OURS, AWS_TRACKER):
        figures.append(Figure(f"{name} adds to a null call", rounds.added(name, PLAIN) * 1e6, "µs"))
    times = rounds.times(AWS_TRACKER, OURS, beyond=PLAIN)
    name = "AWS's tracker adds this many times more"
    figures.append(Figure(name, times, "times", 20.0, at_least=True))
    return Answer(tuple(figures), Bars("µs per SELECT 1", _all_clients(bench, place)), NOTES)


def _select(bench: Bench, name: str, function: Callable[..., Rounds]) -> Iterator[Figure]:
    effort = bench.effort(600)
    together = joined(
        apart(function, bench.place, False, effort)  # noqa: FBT003 - a worker's
        for _ in range(PROCESSES)
    )
    alone = apart(function, bench.place, True, effort)  # noqa: FBT003 - a worker's
    bench.keep(f"SELECT 1, {name}, one processor", together)
    bench.keep(f"SELECT 1, {name}, two processors", alone)
    added, thin = together.added(OURS, PLAIN), together.added(YARDSTICK, PLAIN)
    usual, fast = alone.spread(PLAIN).middle, together.spread(PLAIN).middle
    times = added * (1 / thin.middle)
    what = f"added to SELECT 1, {name}"
    # Between context switches, a tenth of a microsecond is seen no better than this.
    yield Figure(f"{what}: of what an empty wrapper adds", times, "times", OF_EMPTY)
    yield Figure(what, added * 1e6, "µs")
    yield Figure(f"{what}: of a SELECT 1", added * (100 / usual), "%")
    yield Figure(f"SELECT 1 itself, {name}", alone.spread(PLAIN) * 1e6, "µs")
    yield Figure("the same with server and client on one processor", added * (100 / fast), "%")
    yield Figure("what an empty wrapper adds there", thin * (100 / fast), "%")


def _all_clients(bench: Bench, place: Place) -> dict[str, Any]:
    with subjects(place, *CONTENDERS) as running:
        blocks = {name: subject.block("select", "lab-1") for name, subject in running.items()}
        rounds = bench.keep("SELECT 1 of all", in_turn(blocks, bench.effort(200, 0.02)))
    return {name: rounds.spread(name) * 1e6 for name in rounds.seconds}


def _null_method(effort: Effort) -> Rounds:
    agent = null.start()
    connection = null.track(agent, null.Connection("lab-1"))
    plain = null.Connection.call
    ours = watch(
        agent.hooks,
        plain,
        errors=OSError,
        failure_of=lambda *_: Failure(None, lost=False),
    )

    def patched(method: Callable[..., Any]) -> Block:
        # On the class, as drivers are patched.
        made = type("Patched", (null.Connection,), {"call": method})("lab-1")
        setattr(made, ATTRIBUTE, getattr(connection, ATTRIBUTE))
        return repeat(made.call)

    blocks = {PLAIN: patched(plain), YARDSTICK: patched(empty(plain)), OURS: patched(ours)}
    return in_turn(blocks, effort)


def _done() -> Any:
    return
    yield


def _null_wait(place: Place, effort: Effort) -> Rounds:
    """Measure `Connection.wait` of psycopg, with a generator that returns at once."""
    plain = psycopg.Connection.wait
    connection = contenders.ours(place)("lab-1")
    ours = psycopg.Connection.wait

    def block(wait: Callable[..., Any]) -> Block:
        return repeat(lambda: wait(connection, _done()))

    return in_turn({PLAIN: block(plain), YARDSTICK: block(empty(plain)), OURS: block(ours)}, effort)


class _NullCursor(extensions.cursor):
    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2's name
        """Do nothing."""


def _null_execute(place: Place, effort: Effort) -> Rounds:
    """Cursors of psycopg2's whose `execute` does nothing; one is of a class that is watched."""
    contenders.ours(place)
    connection = psycopg2.connect(place.dsn("lab-1"))
    # A class of the application's is watched itself, once a cursor of it was asked for.
    watched: Any = type("Watched", (extensions.cursor,), {"execute": _NullCursor.execute})
    cursor = connection.cursor(cursor_factory=watched)
    if watched.execute is _NullCursor.execute:
        raise RuntimeError("the class of cursors is not watched")
    thin = type("Thin", (_NullCursor,), {"execute": empty(_NullCursor.execute)})

    def block(cursor: Any) -> Block:
        return repeat(lambda: cursor.execute("SELECT 1"))

    blocks = {
        PLAIN: block(_NullCursor(connection)),
        YARDSTICK: block(thin(connection)),
        OURS: block(cursor),
    }
    return in_turn(blocks, effort)


def _swapped(wait: Callable[..., Any], block: Block) -> Block:
    """Return `block` with `psycopg.Connection.wait` being `wait`."""

    def run(loops: int) -> float:
        psycopg.Connection.wait = wait  # type: ignore[method-assign]
        block(1)
        return block(loops)

    return run


def _select_psycopg(place: Place, two: bool, effort: Effort) -> Rounds:  # noqa: FBT001 - a worker's
    """Measure one connection, patched and not in turn."""
    plain = psycopg.Connection.wait
    connection = contenders.ours(place)("lab-1")
    pin(connection.info.backend_pid, apart=two)
    cursor = connection.cursor()
    ours = psycopg.Connection.wait
    block = repeat(lambda: cursor.execute("SELECT 1"), perf_counter)
    waits = {PLAIN: plain, YARDSTICK: empty(plain), OURS: ours}
    return in_turn({name: _swapped(wait, block) for name, wait in waits.items()}, effort)


def _select_psycopg2(place: Place, two: bool, effort: Effort) -> Rounds:  # noqa: FBT001 - a worker's
    """Measure one connection, with a plain cursor and a watched one in turn."""
    contenders.ours(place)
    connection = psycopg2.connect(place.dsn("lab-1"))
    pin(connection.info.backend_pid, apart=two)
    connection.autocommit = True
    thin = {"execute": empty(extensions.cursor.execute), "__slots__": ()}
    cursors = {
        PLAIN: extensions.cursor(connection),
        YARDSTICK: type("Thin", (extensions.cursor,), thin)(connection),
        OURS: connection.cursor(),
    }

    def block(cursor: Any) -> Block:
        return repeat(lambda: cursor.execute("SELECT 1"), perf_counter)

    return in_turn({name: block(cursor) for name, cursor in cursors.items()}, effort)


class _WaitingCursor(psycopg.Cursor[Any]):
    def execute(self, *_: Any, **__: Any) -> Any:
        """Wait for nothing."""
        self.connection.wait(_done())


def _recording_span(place: Place, effort: Effort) -> Rounds:
    """Measure a cursor whose `execute` only passes `wait`, within upstream's recording span."""
    plain = psycopg.Connection.wait
    PsycopgInstrumentor().instrument(tracer_provider=TracerProvider())
    parameters: dict[str, Any] = {"autocommit": True, "cursor_factory": _WaitingCursor}
    with_upstream = psycopg.connect(place.dsn("lab-1"), **parameters)
    AuroraInstrumentor().instrument(instance_endpoints=place.instance_endpoints)
    with_both = psycopg.connect(place.dsn("lab-1"), **parameters)
    ours = psycopg.Connection.wait
    # On one connection: upstream's cursor class knows the attributes of the one it was made for.
    upstream, both = with_upstream.cursor_factory(with_both), with_both.cursor()
    blocks = {
        contenders.UPSTREAM: _swapped(plain, repeat(lambda: upstream.execute("SELECT 1"))),
        contenders.BOTH: _swapped(ours, repeat(lambda: both.execute("SELECT 1"))),
        ATTRIBUTES: repeat(two_attributes()),
    }
    return in_turn(blocks, effort)


def _aws(place: Place, effort: Effort) -> Rounds:
    """Measure the same cursor alone, within AWS's wrapper, and with the agent."""
    plain = psycopg.Connection.wait
    contenders.ours(place)
    connection = contenders.aws_tracker(place)("lab-1")
    ours = psycopg.Connection.wait
    connection.target_connection.cursor_factory = _WaitingCursor
    bare, wrapped = connection.target_connection.cursor(), connection.cursor()
    blocks = {
        PLAIN: _swapped(plain, repeat(lambda: bare.execute("SELECT 1"))),
        AWS_TRACKER: _swapped(plain, repeat(lambda: wrapped.execute("SELECT 1"))),
        OURS: _swapped(ours, repeat(lambda: bare.execute("SELECT 1"))),
    }
    return in_turn(blocks, effort)
