"""The callbacks of the agent's observable metrics, called without an SDK."""

from __future__ import annotations

from typing import Any

from opentelemetry.metrics import CallbackOptions, NoOpMeter

from aurora_otel.agent import Agent
from aurora_otel.telemetry.metrics import Instruments


class _Provider:
    """Hands out a meter that keeps the callbacks."""

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


class Callbacks:
    """The callbacks of one agent."""

    def __init__(self, agent: Agent) -> None:
        provider: Any = _Provider()
        Instruments(provider).source = agent.observations
        self._callbacks = provider.callbacks

    def scrape(self) -> int:
        """Call all; return how many observations they return."""
        return sum(len(list(callback(CallbackOptions()))) for callback in self._callbacks)
