"""What is compared: how each is switched on, and how a connection is opened through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from aurora_otel import AuroraInstrumentor
from benchmarks.place import Place

# Opens a connection to a target of the lab.
Connect = Callable[..., Any]

PLAIN = "plain driver"
OURS = "ours"
OURS_METRICS = "ours, metrics and spans"
UPSTREAM = "upstream"
BOTH = "upstream and ours"
AWS_TRACKER = "AWS: tracker"
AWS_USUAL = "AWS: tracker, failover, host monitoring"
AWS_LATE_DNS = "AWS: initial connection, tracker, failover"


def plain(place: Place) -> Connect:
    """Change nothing."""
    return lambda target, **more: psycopg.connect(place.dsn(target, **more), autocommit=True)


def ours(place: Place, **providers: Any) -> Connect:
    """Switch ours on; nothing else changes."""
    AuroraInstrumentor().instrument(instance_endpoints=place.instance_endpoints, **providers)
    return plain(place)


def ours_with_metrics(place: Place) -> Connect:
    """Switch ours on, with an SDK that records spans and reads metrics."""
    meters = MeterProvider([InMemoryMetricReader()])
    return ours(place, tracer_provider=TracerProvider(), meter_provider=meters)


def upstream(place: Place) -> Connect:
    """Switch OpenTelemetry's instrumentation of psycopg on; its query spans record."""
    PsycopgInstrumentor().instrument(tracer_provider=TracerProvider())
    return plain(place)


def both(place: Place) -> Connect:
    """Switch both on."""
    upstream(place)
    return ours_with_metrics(place)


def aws(place: Place, plugins: str, *, with_address: bool = True) -> Connect:
    """Connect through AWS's wrapper.

    The lab's names are Aurora's, but no DNS server knows them: the target function adds the
    address, as DNS would. The dialect is named because the lab's servers lack `rds.extensions`,
    by which the wrapper recognises Aurora PostgreSQL.
    """
    from aws_advanced_python_wrapper import AwsWrapperConnection  # noqa: PLC0415 - heavy

    def psycopg_connect(conninfo: str = "", **parameters: Any) -> Any:
        if with_address:
            parameters["hostaddr"] = place.addresses.get(parameters.get("host", ""))
        return psycopg.Connection.connect(conninfo, **parameters)

    def connect(target: str, **more: Any) -> Any:
        parameters = place.parameters(target, **more)
        return AwsWrapperConnection.connect(
            psycopg_connect,
            plugins=plugins,
            wrapper_dialect="aurora-pg",
            autocommit=True,
            **parameters,
        )

    return connect


def aws_tracker(place: Place) -> Connect:
    """Connect through AWS's wrapper with its tracker plugin alone."""
    return aws(place, "aurora_connection_tracker")


def aws_usual(place: Place) -> Connect:
    """Connect through AWS's wrapper with tracker, failover and host monitoring."""
    return aws(place, "aurora_connection_tracker,failover_v2,host_monitoring_v2")


def by_name(contender: str, place: Place) -> Connect:
    """Connect through ours or AWS's wrapper by the host's name alone, wherever that leads."""
    if contender == AWS_LATE_DNS:
        plugins = "initial_connection,aurora_connection_tracker,failover_v2"
        return aws(place, plugins, with_address=False)
    connect = CONTENDERS[contender](place)
    return lambda target, **more: connect(target, hostaddr=None, **more)


CONTENDERS: dict[str, Callable[[Place], Connect]] = {
    PLAIN: plain,
    OURS: ours,
    OURS_METRICS: ours_with_metrics,
    UPSTREAM: upstream,
    BOTH: both,
    AWS_TRACKER: aws_tracker,
    AWS_USUAL: aws_usual,
}
