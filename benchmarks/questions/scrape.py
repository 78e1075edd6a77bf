"""What does a scrape of the metrics cost?"""

from __future__ import annotations

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from benchmarks import counted, null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.callbacks import Callbacks
from benchmarks.figures import Answer, Bars, Figure, Spread
from benchmarks.floor import observations
from benchmarks.measure import Effort, Rounds, in_turn, repeat

TITLE = "Scrape"

CALLBACKS, COLLECT, FLOOR = "our callbacks", "the SDK's whole collection", "floor"
# Functions that may be called for an observation: it is counted, added to its group's, and made.
CALLS = 6.0
# Times the floor, which calls one for each: 5.7 times as many, each of which may take 1.6 times as
# long, as attributes are put together.
LIMIT = 9.0


def measure(bench: Bench) -> Answer:
    """Measure it with 10,000 tracked connections on 20 instances."""
    measured, calls = apart(_measure, bench.effort(100))
    rounds = bench.keep("scrape", measured)
    callbacks = rounds.spread(CALLBACKS)
    times = callbacks * (1 / rounds.spread(FLOOR).middle)
    figures = (
        Figure(f"{CALLBACKS}: of the floor", times, "times", LIMIT),
        Figure(CALLBACKS, callbacks * 1e3, "ms"),
        Figure("calls of functions for each observation", Spread.of([calls]), "", CALLS),
        Figure(COLLECT, rounds.spread(COLLECT) * 1e3, "ms"),
    )
    bars = {name: rounds.spread(name) * 1e3 for name in (CALLBACKS, COLLECT)}
    notes = (
        "The floor is to make as many observations as ours return, each with its attributes:"
        " 10,000 connections on 20 instances."
    )
    return Answer(figures, Bars("ms", bars), notes)


def _measure(effort: Effort) -> tuple[Rounds, float]:
    reader = InMemoryMetricReader()
    agent = null.start(meter_provider=MeterProvider([reader]))
    members = tuple(f"lab-{number}" for number in range(20))
    first = null.track(agent, null.Connection(members[0]))
    null.judge(first, members[0], members)
    held = [null.track(agent, null.Connection(members[n % 20])) for n in range(10_000)]
    callbacks = Callbacks(agent)
    count = callbacks.scrape()
    blocks = {
        CALLBACKS: repeat(callbacks.scrape),
        COLLECT: repeat(reader.get_metrics_data),
        FLOOR: repeat(lambda: observations(count)),
    }
    rounds = in_turn(blocks, effort)
    calls = counted.calls(callbacks.scrape) / count
    # They had to live until now.
    del held
    return rounds, calls
