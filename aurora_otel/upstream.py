"""The query spans of other instrumentations learn which instance they go to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.instrumentation.dbapi import DatabaseApiIntegration

from aurora_otel.drivers.patching import Patches
from aurora_otel.drivers.protocol import ATTRIBUTE
from aurora_otel.telemetry import names


def install() -> Callable[[], None]:
    """Patch upstream's per-connection integration; return what undoes it.

    It is made anew for each connection, reads the connection's attributes once, and copies its
    `span_attributes` to each query span of that connection, and to no other span.
    """
    patches = Patches()

    def read_attributes(
        wrapped: Callable[..., Any], integration: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        result = wrapped(*args, **kwargs)
        connection = args[0] if args else kwargs.get("connection")
        track = getattr(connection, ATTRIBUTE, None)
        if track is not None:
            integration.span_attributes[names.INSTANCE_ID] = track.group.instance
            integration.span_attributes[names.INSTANCE_ROLE] = track.group.role.value
        return result

    patches.wrap(DatabaseApiIntegration, "get_connection_attributes", read_attributes)
    return patches.undo
