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
from benchmarks.figures import Answer, Bars, Figure, Guard
from benchmarks.measure import Effort, Rounds, in_turn, repeat

TITLE = "Scrape"

CALLBACKS, COLLECT, YARDSTICK = "our callbacks", "the SDK's whole collection", "counting them"


def measure(bench: Bench) -> Answer:
    """Measure it with 10,000 tracked connections on 20 instances."""
    rounds = bench.keep("scrape", apart(_measure, bench.effort(100)))
    callbacks = rounds.spread(CALLBACKS)
    guard = Guard(callbacks.middle / rounds.spread(YARDSTICK).middle, USUAL)
    figures = (
        Figure(CALLBACKS, callbacks * 1e3, "ms", 5.0, guard=guard),
        Figure(COLLECT, rounds.spread(COLLECT) * 1e3, "ms"),
    )
    bars = {name: rounds.spread(name) * 1e3 for name in (CALLBACKS, COLLECT)}
    return Answer(figures, Bars("ms", bars))


# Our callbacks over a loop that touches each connection once, in a full run.
USUAL = 6.0


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

    blocks = {
        CALLBACKS: repeat(scrape),
        COLLECT: repeat(reader.get_metrics_data),
        YARDSTICK: repeat(lambda: sum(1 for each in held if each.socket is None)),
    }
    return in_turn(blocks, effort)
