"""A server that was slow is asked again over a connection of the agent's own.

Most drivers cannot leave an answer for later: a question that gets none may cost the application
its connection. So theirs are asked only once the server has answered another one in time.
"""

from __future__ import annotations

import contextlib

from opentelemetry.instrumentation.utils import suppress_instrumentation

from aurora_otel.discovery import SYSTEMS
from aurora_otel.discovery.identify import dialogue
from aurora_otel.discovery.targets import Target
from aurora_otel.drivers.protocol import Monitor
from aurora_otel.model.endpoints import Address
from aurora_otel.monitoring.access import ClusterAccess
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.tracking.cluster import Cluster


def ask_slow_server(
    host: Address, access: ClusterAccess, cluster: Cluster, context: AgentContext
) -> None:
    """Ask the server behind `host` all that a connection is asked; note whether it answers in time.

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
                _converse(connection, host, cluster, context, began + timeout)
            finally:
                connection.close()
    except Exception:  # noqa: BLE001 - the driver's own, or no login: it is left alone for longer
        context.servers.back_off(host, context.clock())
        return
    context.servers.answered(host)
    cluster.identify_until(context.clock() + settings.refresh_window)


def _converse(
    connection: Monitor,
    host: Address,
    cluster: Cluster,
    context: AgentContext,
    deadline: float,
) -> None:
    """Have the whole dialogue: a server may answer one question at once, and another one never."""
    servers, now = context.servers, context.clock()
    system, known = SYSTEMS[cluster.system], servers.get(host, now)
    is_member, is_single = servers.is_member(host), servers.is_single(host)
    talk = dialogue(system, known, None, now, is_member=is_member, is_single=is_single)
    # Its end is all that counts: what the server is, the application's own connection finds out.
    with contextlib.closing(talk), contextlib.suppress(StopIteration):
        statement = next(talk)
        while True:
            left = max(deadline - context.clock(), 0.001)
            statement = talk.send(connection.ask(statement, left))
