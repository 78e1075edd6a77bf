"""The query spans of other instrumentations learn which instance they go to."""

from __future__ import annotations

import weakref
from collections.abc import Callable, ItemsView
from typing import Any

from opentelemetry.instrumentation.dbapi import DatabaseApiIntegration

from aurora_otel.drivers.common.patching import Patches
from aurora_otel.drivers.marks import track_of
from aurora_otel.telemetry import names


def install() -> Callable[[], None]:
    """Patch upstream's per-connection integration; return what undoes it.

    It is made for each connection, reads the connection's attributes once, and copies its
    `span_attributes` to each query span of that connection, and to no other span.
    """
    patches = Patches()

    def read_attributes(
        wrapped: Callable[..., Any], integration: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        result = wrapped(*args, **kwargs)
        connection = args[0] if args else kwargs.get("connection")
        if track_of(connection) is not None:
            integration.span_attributes = _Attributes(integration.span_attributes, connection)
        return result

    patches.wrap(DatabaseApiIntegration, "get_connection_attributes", read_attributes)
    return patches.undo


class _Attributes(dict[str, Any]):
    """What the query spans of one connection show, whichever instance its object is on by now."""

    def __init__(self, attributes: dict[str, Any], connection: Any) -> None:
        super().__init__(attributes)
        self._connection = weakref.ref(connection)
        self._track: Any = None
        # At once: later, while another thread reads, values may change, but no key may come.
        self._read()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        self._read()
        return super().items()

    def _read(self) -> None:
        connection = self._connection()
        track = None if connection is None else track_of(connection)
        if track is not self._track and track is not None:
            self._track = track
            self[names.INSTANCE_ID] = track.group.instance
            self[names.INSTANCE_ROLE] = track.group.role.value
