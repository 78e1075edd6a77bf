"""What is added to a call on a healthy connection?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import psycopg
import psycopg2
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from psycopg2 import extensions

from aurora_otel import AuroraInstrumentor
from aurora_otel.drivers.patching import watch
from aurora_otel.drivers.protocol import ATTRIBUTE, Failure
from benchmarks import contenders, null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.contenders import AWS_TRACKER, CONTENDERS, OURS, PLAIN
from benchmarks.figures import Answer, Bars, Figure, Guard
from benchmarks.measure import Block, Effort, Rounds, in_turn, repeat
from benchmarks.place import Place
from benchmarks.subjects import subjects

TITLE = "Added to a call on a healthy connection"

YARDSTICK = "empty wrapper"


def measure(bench: Bench) -> Answer:
    """Measure it on null drivers and over loopback."""
    place = bench.place
    nulls = {
        "null method": apart(_null_method, bench.effort(200)),
        "null psycopg wait": apart(_null_wait, place, bench.effort(200)),
        "null psycopg2 execute": apart(_null_execute, place, bench.effort(200)),
    }
    figures = []
    for name, rounds in nulls.items():
        bench.keep(name, rounds)
        added = rounds.added(OURS, PLAIN)
        yardstick = rounds.added(YARDSTICK, PLAIN).middle
        guard = Guard(added.middle / yardstick, USUAL[name])
        figures.append(Figure(f"added to a {name}", added * 1e6, "µs", 0.5, guard=guard))
    for name, function in (("psycopg", _select_psycopg), ("psycopg2", _select_psycopg2)):
        rounds = bench.keep(f"SELECT 1, {name}", apart(function, place, bench.effort(1200)))
        added, plain = rounds.added(OURS, PLAIN), rounds.spread(PLAIN).middle
        share = added * (100 / plain)
        # Within the noise, what is added to 100 µs is anything: here it is the null call's.
        guard = Guard(nulls["null psycopg wait"].added(OURS, PLAIN).middle / plain * 100, 1.0)
        figures.append(Figure(f"added to SELECT 1, {name}", share, "%", 1.0, guard=guard))
    rounds = bench.keep("recording span", apart(_recording_span, place, bench.effort(1200)))
    added = rounds.added(contenders.BOTH, contenders.UPSTREAM)
    upstream = rounds.spread(contenders.UPSTREAM).middle
    guard = Guard(added.middle / upstream, 0.04)
    name = "added to upstream's recording query span"
    figures.append(Figure(name, added * 1e6, "µs", 4.0, guard=guard))
    rounds = bench.keep("AWS", apart(_aws, place, bench.effort(600)))
    ours = nulls["null psycopg wait"].added(OURS, PLAIN).middle
    times = rounds.added(AWS_TRACKER, PLAIN) * (1 / ours)
    name = "AWS's tracker adds this many times more"
    figures.append(Figure(name, times, "times", 20.0, at_least=True))
    return Answer(tuple(figures), Bars("µs per SELECT 1", _everybody(bench, place)))


# Ours over an empty wrapper in a full run.
USUAL = {"null method": 1.5, "null psycopg wait": 1.0, "null psycopg2 execute": 1.0}


def _everybody(bench: Bench, place: Place) -> dict[str, Any]:
    with subjects(place, *CONTENDERS) as running:
        blocks = {name: subject.block("select", "lab-1") for name, subject in running.items()}
        rounds = bench.keep("SELECT 1 of all", in_turn(blocks, bench.effort(200, 0.02)))
    return {name: rounds.spread(name) * 1e6 for name in rounds.seconds}


def _empty(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `original` as thinly as a function can be wrapped."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    return call


def _null_method(effort: Effort) -> Rounds:
    agent = null.start()
    connection = null.track(agent, null.Connection("lab-1"))
    plain = null.Connection.call
    ours = watch(
        agent,
        plain,
        track_of=attrgetter(ATTRIBUTE),
        errors=OSError,
        failure_of=lambda *_: Failure(None, lost=False),
    )

    def patched(method: Callable[..., Any]) -> Block:
        # On the class, as drivers are patched.
        made = type("Patched", (null.Connection,), {"call": method})("lab-1")
        setattr(made, ATTRIBUTE, getattr(connection, ATTRIBUTE))
        return repeat(made.call)

    blocks = {PLAIN: patched(plain), YARDSTICK: patched(_empty(plain)), OURS: patched(ours)}
    return in_turn(blocks, effort)


def _null_wait(place: Place, effort: Effort) -> Rounds:
    """Measure `Connection.wait` of psycopg, with a generator that returns at once."""
    plain = psycopg.Connection.wait
    connection = contenders.ours(place)("lab-1")
    ours = psycopg.Connection.wait

    def done() -> Iterator[None]:
        return
        yield

    def block(wait: Callable[..., Any]) -> Block:
        return repeat(lambda: wait(connection, done()))

    return in_turn(
        {PLAIN: block(plain), YARDSTICK: block(_empty(plain)), OURS: block(ours)}, effort
    )


class _NullCursor(extensions.cursor):
    def execute(self, *_: Any) -> None:
        """Do nothing."""


def _null_execute(place: Place, effort: Effort) -> Rounds:
    """A cursor of psycopg2's whose `execute` does nothing, and its watched subclass."""
    contenders.ours(place)
    connection = psycopg2.connect(place.dsn("lab-1"))
    thin = type("Thin", (_NullCursor,), {"execute": _empty(_NullCursor.execute)})

    def block(cursor: Any) -> Block:
        return repeat(lambda: cursor.execute("SELECT 1"))

    blocks = {
        PLAIN: block(_NullCursor(connection)),
        YARDSTICK: block(thin(connection)),
        OURS: block(connection.cursor(cursor_factory=_NullCursor)),
    }
    return in_turn(blocks, effort)


def _swapped(wait: Callable[..., Any], block: Block) -> Block:
    """Return `block` with `psycopg.Connection.wait` being `wait`."""

    def run(loops: int) -> float:
        psycopg.Connection.wait = wait  # type: ignore[method-assign]
        block(1)
        return block(loops)

    return run


def _select_psycopg(place: Place, effort: Effort) -> Rounds:
    """One connection, patched and not in turn."""
    plain = psycopg.Connection.wait
    cursor = contenders.ours(place)("lab-1").cursor()
    ours = psycopg.Connection.wait
    block = repeat(lambda: cursor.execute("SELECT 1"))
    return in_turn({PLAIN: _swapped(plain, block), OURS: _swapped(ours, block)}, effort)


def _select_psycopg2(place: Place, effort: Effort) -> Rounds:
    """One connection, a plain cursor and a watched one in turn."""
    contenders.ours(place)
    connection = psycopg2.connect(place.dsn("lab-1"))
    connection.autocommit = True
    plain, ours = extensions.cursor(connection), connection.cursor()
    blocks = {
        PLAIN: repeat(lambda: plain.execute("SELECT 1")),
        OURS: repeat(lambda: ours.execute("SELECT 1")),
    }
    return in_turn(blocks, effort)


def _recording_span(place: Place, effort: Effort) -> Rounds:
    """A connection with upstream's spans, and one where ours adds to them."""
    plain = psycopg.Connection.wait
    PsycopgInstrumentor().instrument(tracer_provider=TracerProvider())
    upstream = psycopg.connect(place.dsn("lab-1"), autocommit=True).cursor()
    AuroraInstrumentor().instrument(instance_endpoints=place.instance_endpoints)
    both = psycopg.connect(place.dsn("lab-1"), autocommit=True).cursor()
    ours = psycopg.Connection.wait
    blocks = {
        contenders.UPSTREAM: _swapped(plain, repeat(lambda: upstream.execute("SELECT 1"))),
        contenders.BOTH: _swapped(ours, repeat(lambda: both.execute("SELECT 1"))),
    }
    return in_turn(blocks, effort)


def _aws(place: Place, effort: Effort) -> Rounds:
    plain = contenders.plain(place)("lab-1").cursor()
    wrapped = contenders.aws_tracker(place)("lab-1").cursor()
    blocks = {
        PLAIN: repeat(lambda: plain.execute("SELECT 1")),
        AWS_TRACKER: repeat(lambda: wrapped.execute("SELECT 1")),
    }
    return in_turn(blocks, effort)
