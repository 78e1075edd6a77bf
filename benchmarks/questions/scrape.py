"""What does a scrape of the metrics cost?"""

from __future__ import annotations

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from benchmarks import null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.callbacks import Callbacks
from benchmarks.figures import Answer, Bars, Figure
from benchmarks.floor import observations
from benchmarks.measure import Effort, Rounds, in_turn, repeat

TITLE = "Scrape"

CALLBACKS, COLLECT, FLOOR = "our callbacks", "the SDK's whole collection", "floor"
# Times the floor.
LIMIT = 10.0


def measure(bench: Bench) -> Answer:
    """Measure it with 10,000 tracked connections on 20 instances."""
    rounds = bench.keep("scrape", apart(_measure, bench.effort(100)))
    callbacks = rounds.spread(CALLBACKS)
    times = callbacks * (1 / rounds.spread(FLOOR).middle)
    figures = (
        Figure(f"{CALLBACKS}: of the floor", times, "times", LIMIT),
        Figure(CALLBACKS, callbacks * 1e3, "ms"),
        Figure(COLLECT, rounds.spread(COLLECT) * 1e3, "ms"),
    )
    bars = {name: rounds.spread(name) * 1e3 for name in (CALLBACKS, COLLECT)}
    notes = (
        "The floor is to make as many observations as ours return, each with its attributes:"
        " 10,000 connections on 20 instances."
    )
    return Answer(figures, Bars("ms", bars), notes)


def _measure(effort: Effort) -> Rounds:
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
    # They had to live until now.
    del held
    return rounds
