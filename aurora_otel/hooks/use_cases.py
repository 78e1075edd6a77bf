"""The use cases of one process, each with the others that it works with."""

from __future__ import annotations

from collections.abc import Callable

from aurora_otel.hooks.before_calls import BeforeCalls
from aurora_otel.hooks.call_errors import CallErrors
from aurora_otel.hooks.checkouts import Checkouts
from aurora_otel.hooks.connecting import Connecting
from aurora_otel.hooks.explanations import Explanations
from aurora_otel.hooks.identification import Identification
from aurora_otel.hooks.opening import Openings
from aurora_otel.hooks.placement import Placement
from aurora_otel.hooks.pool_meters import Meters
from aurora_otel.hooks.reidentification import Reidentification
from aurora_otel.hooks.rounds import Rounds
from aurora_otel.model.endpoints import Endpoint
from aurora_otel.monitoring.context import AgentContext


class UseCases:
    """What the agent does, by the moment at which it does it.

    Attributes:
        context: what they work with.
        connecting: a connect: by its name, or straight to the writer.
        openings: identify and track new connections.
        before_calls: a call while its cluster is in doubt.
        call_errors: an error of a call.
        explanations: the note on an error.
        checkouts: may a pooled connection be handed out?
        meters: the metrics of pools.
        rounds: what the background loop does each time.

    Args:
        context: what they work with.
        wake: has the next round of the background loop begin now; waits for nothing.
    """

    def __init__(self, context: AgentContext, wake: Callable[[], None]) -> None:
        self.context = context
        identification = Identification(
            context.servers,
            context.clock,
            context.config.shield,
            context.tracker.disown,
            self._is_writer,
        )
        placement = Placement(context)
        self.openings = Openings(context, identification, placement)
        self.explanations = Explanations(context)
        self.connecting = Connecting(context, self.explanations)
        drivers = self.openings.drivers
        reidentification = Reidentification(context, identification, placement, drivers)
        self.before_calls = BeforeCalls(reidentification)
        self.call_errors = CallErrors(context, reidentification, wake)
        self.checkouts = Checkouts(context, reidentification)
        self.meters = Meters(context.config)
        self.rounds = Rounds(context, drivers, self.call_errors.deferred)

    def _is_writer(self, endpoint: Endpoint, instance: str) -> bool:
        """Return whether an instance is the known writer where `endpoint` leads, without doubt."""
        cluster = self.context.clusters.find(endpoint, self.context.clock())
        return cluster is not None and cluster.detector.writer == instance and not cluster.alert
