"""The writer that instances name, tried by the application's own connect before it is confirmed.

After a mass loss the agents of many processes put their logins at it off, because the application
connects there at that very moment. Where its name leads elsewhere still, it does not: so a connect
that finds no writer is repeated there. That is a login which the application would make anyway.
"""

from __future__ import annotations

from aurora_otel.model.endpoints import Address
from aurora_otel.model.straight import StraightReason, Whereabouts
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.name_checks import NameCheck
from aurora_otel.runtime.effects import Steps, Wait
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.routes import Route


class NamedWriter:
    """Finds the way to it.

    Args:
        context: what it works with.
    """

    def __init__(self, context: AgentContext) -> None:
        self._context = context

    def route(
        self,
        cluster: Cluster,
        name: Address,
        reason: StraightReason,
        until: float,
        named: str | None = None,
    ) -> Steps[Route | None]:
        """Return the way to it, for one connect, if the agent itself is not to ask it yet.

        Args:
            cluster: the cluster.
            name: the host and port that the application gave.
            reason: why its name is taken to lead elsewhere.
            until: when the application is to wait no longer, in seconds of the monotonic clock.
            named: the writer that the application's own connection has just named.
        """
        context, writer = self._context, cluster.monitor.named_writer(named)
        if writer in (None, cluster.detector.writer) or not context.config.settings.may_go_straight:
            return None
        at = context.clusters.locate(cluster, writer, cluster.domain, name.port)
        if at is None or at.port != name.port:
            return None
        check = NameCheck(at)
        yield Wait(check.ended, max(0.0, until - context.clock()))
        if len(check.found) != 1:
            return None
        (address,) = check.found
        now = context.clock()
        return Route(cluster, Whereabouts(writer, Address(address, at.port), at), reason, now, now)
