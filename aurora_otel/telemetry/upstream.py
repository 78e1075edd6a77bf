"""The query spans of other instrumentations learn which instance they go to."""

from __future__ import annotations

import weakref
from collections.abc import Callable, ItemsView
from types import ModuleType
from typing import Any, NamedTuple

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


class Registration(NamedTuple):
    """An instrumentation that is patched once it is imported.

    Attributes:
        name: what it is called in the agent's messages.
        module: its module.
        install: patches that; returns what undoes it.
    """

    name: str
    module: str
    install: Callable[[ModuleType], Callable[[], None]]


def install_asyncpg(module: ModuleType) -> Callable[[], None]:
    """Patch what makes the attributes of asyncpg's query spans; return what undoes it.

    It is a function of the module, looked up for each call, whose first argument is the connection.
    """
    patches = Patches()

    def attributes_of(
        wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        attributes = wrapped(*args, **kwargs)
        track = track_of(args[0]) if args else None
        if track is not None:
            attributes[names.INSTANCE_ID] = track.group.instance
            attributes[names.INSTANCE_ROLE] = track.group.role.value
        return attributes

    # Private: another version may have none.
    if hasattr(module, _ASYNCPG):
        patches.wrap(module, _ASYNCPG, attributes_of)
    return patches.undo


_ASYNCPG = "_hydrate_span_from_args"
REGISTRY = (
    Registration(
        "asyncpg's instrumentation", "opentelemetry.instrumentation.asyncpg", install_asyncpg
    ),
)


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
