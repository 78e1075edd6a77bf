"""The panels about what should not happen to connections."""

from __future__ import annotations

from aurora_otel.dashboards.panels import (
    COUNT,
    NO_AGENT,
    ZERO_IS_GOOD,
    About,
    Panel,
    Query,
    lines,
)
from aurora_otel.dashboards.promql import JOB, RATE, SHOWN, is_, sum_by
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.groups import PruneReason
from aurora_otel.model.topology import Role
from aurora_otel.telemetry import names
from aurora_otel.telemetry.prometheus import label


def panels() -> tuple[Panel, ...]:
    """Return them in their order."""
    return (_prunes(), _leaks(), _misroutes(), _invalidations())


def _prunes() -> Panel:
    reason = label(names.PRUNE_REASON)
    return lines(
        About(
            "Pruned, by reason",
            "Connections dropped that the application had not closed. *garbage_collected* are "
            "leaks: close them in the code. *hung_up* by the server: a restart, an idle timeout, "
            "an administrator's pg_terminate_backend. *closed* below the driver's own interface.",
            COUNT,
            NO_AGENT,
            width=6,
        ),
        Query(sum_by(reason, SHOWN.increase(names.PRUNES, RATE)), f"{{{{{reason}}}}}"),
        bars=True,
    )


def _leaks() -> Panel:
    leaked = is_(names.PRUNE_REASON, PruneReason.GARBAGE_COLLECTED.value)
    return lines(
        About(
            "Leaked, by service",
            "Connections that were garbage-collected while open. Each is a bug in the service's "
            "code: use a context manager, or close in a finally.",
            COUNT,
            NO_AGENT,
            ZERO_IS_GOOD,
            width=6,
        ),
        Query(sum_by(JOB, SHOWN.increase(names.PRUNES, RATE, leaked)), f"{{{{{JOB}}}}}"),
        bars=True,
    )


def _misroutes() -> Panel:
    to_the_writer = (
        is_(names.ENDPOINT_TYPE, EndpointType.READER.value),
        is_(names.INSTANCE_ROLE, Role.WRITER.value),
    )
    return lines(
        About(
            "Misrouted, by service",
            "Connections through the writer endpoint that landed on a reader, because DNS was "
            "behind. Seconds after a failover this is normal. If it goes on, something caches "
            "DNS for too long: the resolver, a sidecar, a proxy. Those through the reader endpoint "
            "that landed on the writer are left where they are: they load it.",
            COUNT,
            NO_AGENT,
            ZERO_IS_GOOD,
            width=6,
        ),
        Query(sum_by(JOB, SHOWN.increase(names.MISROUTES, RATE)), f"{{{{{JOB}}}}}"),
        Query(
            sum_by(JOB, SHOWN.increase(names.OPENS, RATE, *to_the_writer)),
            f"{{{{{JOB}}}}}, reader endpoint",
        ),
        bars=True,
    )


def _invalidations() -> Panel:
    cause = label(names.INVALIDATION_CAUSE)
    return lines(
        About(
            "Invalidated, by cause",
            "Stale connections that were closed. *writer_changed* belongs to a failover; "
            "*misrouted* to DNS that is behind; *write_refused* to writes on a name that shows "
            "nothing: list it in WRITER_ENDPOINTS.",
            COUNT,
            NO_AGENT,
            width=6,
        ),
        Query(sum_by(cause, SHOWN.increase(names.INVALIDATIONS, RATE)), f"{{{{{cause}}}}}"),
        bars=True,
    )
