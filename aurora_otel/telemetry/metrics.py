"""The instruments, created once for each meter provider.

Instruments and their callbacks cannot be taken back, and a second instrument of the same name loses
its callback silently. So they outlive the agent, and ask the agent that is attached now.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

from aurora_otel.telemetry import agent_names, names, observations, pool_metrics, queries
from aurora_otel.telemetry.observations import Observations
from aurora_otel.version import __version__


class Instruments:
    """All instruments on one meter provider.

    Attributes:
        source: computes the observations of the attached agent; `None` while there is none.
    """

    def __init__(self, provider: MeterProvider) -> None:
        self.source: Callable[[], Observations] | None = None
        # One collection calls the callbacks one after the other, in one thread: the first
        # computes for all, so that the figures of an export belong together.
        self._collection = threading.local()
        meter = provider.get_meter("aurora_otel", __version__, names.SCHEMA_URL)
        self._histograms = {}
        for metric in chain(
            names.METRICS, agent_names.METRICS, pool_metrics.METRICS, queries.METRICS
        ):
            if metric.kind is names.Kind.HISTOGRAM:
                self._histograms[metric.name] = meter.create_histogram(
                    metric.name,
                    metric.unit,
                    metric.description,
                    explicit_bucket_boundaries_advisory=metric.boundaries,
                )
            else:
                self._create_observable(meter, metric)

    def record(self, metric: names.Metric, value: float, attributes: dict[str, Any]) -> None:
        """Record one measurement of a histogram."""
        self._histograms[metric.name].record(value, attributes)

    def is_recorded(self, metric: names.Metric) -> bool:
        """Return whether measurements of a histogram go anywhere: not before a provider is set."""
        histogram = self._histograms[metric.name]
        # The API hands out proxies until then, which do not say so.
        return getattr(histogram, "_real_instrument", histogram) is not None

    def _create_observable(self, meter: Meter, metric: names.Metric) -> None:
        create = {
            names.Kind.COUNTER: meter.create_observable_counter,
            names.Kind.UP_DOWN_COUNTER: meter.create_observable_up_down_counter,
            names.Kind.GAUGE: meter.create_observable_gauge,
        }[metric.kind]
        leads = metric is names.METRICS[0]
        of = observations if metric in names.METRICS else pool_metrics
        attributes = of.attributes(metric)

        def callback(_: CallbackOptions) -> Iterable[Observation]:
            found = self._collect(leads=leads).get(metric.name, {})
            return [Observation(value, attributes(key)) for key, value in found.items()]

        create(metric.name, [callback], metric.unit, metric.description)

    def _collect(self, *, leads: bool) -> Observations:
        found: Observations | None = getattr(self._collection, "found", None)
        if leads or found is None:
            found = self.source() if self.source else {}
            self._collection.found = found
        return found


_by_provider: weakref.WeakKeyDictionary[MeterProvider, Instruments] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def instruments(provider: MeterProvider) -> Instruments:
    """Return the instruments on `provider`, created at the first call."""
    with _lock:
        if provider not in _by_provider:
            _by_provider[provider] = Instruments(provider)
        return _by_provider[provider]
