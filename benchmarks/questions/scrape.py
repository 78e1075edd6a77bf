"""What does a scrape of the metrics cost?"""

from __future__ import annotations

from typing import Any

from opentelemetry.metrics import CallbackOptions, NoOpMeter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from aurora_otel.telemetry.metrics import Instruments
from benchmarks import null
from benchmarks.apart import apart
from benchmarks.bench import Bench
from benchmarks.figures import Answer, Bars, Figure
from benchmarks.floor import observations
from benchmarks.measure import Effort, Rounds, in_turn, repeat

TITLE = "Scrape"

CALLBACKS, COLLECT, FLOOR = "our callbacks", "the SDK's whole collection", "floor"
# Times the floor.
LIMIT = 5.0


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


class _Provider:
    """Hands out a meter that keeps the callbacks, for calling them without an SDK."""

    def __init__(self) -> None:
        self.callbacks: list[Any] = []

    def get_meter(self, *_: Any, **__: Any) -> Any:
        meter: Any = NoOpMeter("null")

        def create(_: str, callbacks: Any, *__: Any) -> None:
            self.callbacks += callbacks

        meter.create_observable_counter = create
        meter.create_observable_up_down_counter = create
        meter.create_observable_gauge = create
        return meter


def _measure(effort: Effort) -> Rounds:
    reader = InMemoryMetricReader()
    agent = null.start(meter_provider=MeterProvider([reader]))
    members = tuple(f"lab-{number}" for number in range(20))
    first = null.track(agent, null.Connection(members[0]))
    null.judge(first, members[0], members)
    held = [null.track(agent, null.Connection(members[n % 20])) for n in range(10_000)]
    provider = _Provider()
    instruments = Instruments(provider)  # type: ignore[arg-type]
    instruments.source = agent.observations

    def scrape() -> None:
        for callback in provider.callbacks:
            callback(CallbackOptions())

    count = sum(len(list(callback(CallbackOptions()))) for callback in provider.callbacks)
    blocks = {
        CALLBACKS: repeat(scrape),
        COLLECT: repeat(reader.get_metrics_data),
        FLOOR: repeat(lambda: observations(count)),
    }
    rounds = in_turn(blocks, effort)
    # They had to live until now.
    del held
    return rounds
