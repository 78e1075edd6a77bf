"""A server that was slow is asked again over a connection of the agent's own.

Most drivers cannot leave an answer for later: a question that gets none may cost the application
its connection. So theirs are asked only once the server has answered another one in time.
"""

from __future__ import annotations

from opentelemetry.instrumentation.utils import suppress_instrumentation

from aurora_otel.discovery import SYSTEMS
from aurora_otel.discovery.targets import Target
from aurora_otel.model.endpoints import Address
from aurora_otel.monitoring.access import ClusterAccess
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.tracking.cluster import Cluster


def ask_slow_server(
    host: Address, access: ClusterAccess, cluster: Cluster, context: AgentContext
) -> None:
    """Ask the server behind `host` what every server answers; take note of whether it does in time.

    Args:
        host: what the application connected to.
        access: how the agent's own connections log in.
        cluster: the cluster of the connections that wait to be asked.
        context: what it works with.
    """
    began, settings = context.clock(), context.config.settings
    timeout = settings.identify_timeout
    try:
        with suppress_instrumentation():
            connection = access.connect(Target(None, host), timeout)
            try:
                left = max(began + timeout - context.clock(), 0.001)
                connection.ask(SYSTEMS[cluster.system].probe, left)
            finally:
                connection.close()
    except Exception:  # noqa: BLE001 - the driver's own, or no login: it is left alone for longer
        context.servers.back_off(host, context.clock())
        return
    context.servers.answered(host)
    cluster.identify_until(context.clock() + settings.refresh_window)
