"""The agent's query spans, for applications without another instrumentation of their driver.

They carry the stable names of the semantic conventions alone. An error is reported by its type and
its code: the server's message quotes the statement and the values that were bound to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from aurora_otel.drivers.marks import track_of
from aurora_otel.runtime.shield import Shield
from aurora_otel.settings import QuerySpans
from aurora_otel.telemetry import names, queries
from aurora_otel.telemetry.metrics import Instruments

# A statement's first word. Not up to the next space: what follows may be a literal.
_OPERATION = re.compile(r"[\s(]*([A-Za-z][A-Za-z0-9_]*)")
_LEADING_COMMENT = re.compile(r"^\s*/\*.*?\*/", re.DOTALL)


def _first(_: Any, args: tuple[Any, ...]) -> Any:
    return args[0] if args else ""


class QueryTracer:
    """Makes methods of cursors make spans.

    Args:
        detail: what of a statement the spans show; not `OFF`.
        tracer: makes the spans.
        instruments: record how long the calls take.
        shield: keeps from the application what goes wrong before its call.
    """

    def __init__(
        self, detail: QuerySpans, tracer: Tracer, instruments: Instruments, shield: Shield
    ) -> None:
        self._detail = detail
        self._tracer = tracer
        self._instruments = instruments
        self._shield = shield
        self._places: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
        # Connections inside a call that has its span, and the threads or tasks that make it.
        self._running: set[tuple[int, int]] = set()

    def traced(
        self,
        system: str,
        original: Callable[..., Any],
        *,
        attributes: Mapping[str, str],
        connection_of: Callable[[Any], Any] = attrgetter("connection"),
        statement_of: Callable[[Any, tuple[Any, ...]], Any] = _first,
    ) -> Callable[..., Any]:
        """Return a cursor's method as one that makes a span; as `protocol.Traced`."""

        @functools.wraps(original)
        def call(cursor: Any, *args: Any, **kwargs: Any) -> Any:
            connection = connection_of(cursor)
            running = id(connection), threading.get_ident()
            made = _Call(system, connection, attributes, cursor, args, statement_of)
            query = self._query(running, made)
            if query is None:
                return original(cursor, *args, **kwargs)
            with self._running_in_a_span(running, query):
                return original(cursor, *args, **kwargs)

        @functools.wraps(original)
        async def call_on_loop(cursor: Any, *args: Any, **kwargs: Any) -> Any:
            connection = connection_of(cursor)
            running = id(connection), id(asyncio.current_task())
            made = _Call(system, connection, attributes, cursor, args, statement_of)
            query = self._query(running, made)
            if query is None:
                return await original(cursor, *args, **kwargs)
            with self._running_in_a_span(running, query):
                return await original(cursor, *args, **kwargs)

        # What wraps a coroutine function may be none.
        is_awaited = inspect.iscoroutinefunction(inspect.unwrap(original))
        return call_on_loop if is_awaited else call

    def _query(self, running: tuple[int, int], call: _Call) -> _Query | None:
        """Return what the span of a call shows, if it is to have one."""
        # Some drivers' `executemany` is a loop over `execute`, and some ask something of their own
        # with another cursor: it is one call all the same.
        if running in self._running or track_of(call.connection) is None:
            return None
        if not is_instrumentation_enabled():
            return None
        return self._shield.run("prepare a query span", self._describe, call)

    def _describe(self, call: _Call) -> _Query:
        connection = call.connection
        place = self._places.get(connection)
        if place is None:
            place = self._places[connection] = _place(call)
        # A statement may be an object of the application's, with methods of its own.
        text = self._shield.run("read a statement", _text, call) or ""
        found = _OPERATION.match(text)
        operation = found[1].upper() if found else ""
        shown = dict(place)
        if operation:
            shown[queries.OPERATION] = shown[queries.SUMMARY] = operation
        if text and self._detail is QuerySpans.TEXT:
            shown[queries.TEXT] = text
        track = track_of(connection)
        if track is not None:
            shown[names.INSTANCE_ID] = track.group.instance
            shown[names.INSTANCE_ROLE] = track.group.role.value
        name = operation or place.get(queries.NAMESPACE) or call.system
        return _Query(name, shown, place)

    @contextlib.contextmanager
    def _running_in_a_span(self, running: tuple[int, int], query: _Query) -> Iterator[None]:
        self._running.add(running)
        began = time.monotonic()
        measured = dict(query.place)
        try:
            with self._tracer.start_as_current_span(
                query.name,
                kind=SpanKind.CLIENT,
                attributes=query.shown,
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                try:
                    yield
                except Exception as error:
                    measured |= self._shield.run("describe an error", _fail, span, error) or {}
                    raise
        finally:
            self._running.discard(running)
            seconds = time.monotonic() - began
            self._shield.run("measure a query", self._record, seconds, measured)

    def _record(self, seconds: float, attributes: dict[str, Any]) -> None:
        self._instruments.record(queries.DURATION, seconds, attributes)


class _Call(NamedTuple):
    """A call of a cursor's.

    Attributes:
        system: `db.system.name`.
        connection: the cursor's.
        attributes: where the connection shows its target, as in `protocol.Traced`.
        cursor: the cursor.
        args: the statement and whatever else.
        statement_of: finds the statement, as in `protocol.Traced`.
    """

    system: str
    connection: Any
    attributes: Mapping[str, str]
    cursor: Any
    args: tuple[Any, ...]
    statement_of: Callable[[Any, tuple[Any, ...]], Any]

    def __repr__(self) -> str:
        # What it holds shows statements and values.
        return f"<call of {self.system}>"


class _Query(NamedTuple):
    """One call: the name of its span, what that shows, and where the call goes."""

    name: str
    shown: Mapping[str, Any]
    place: Mapping[str, Any]

    def __repr__(self) -> str:
        # What it shows may be a statement.
        return f"<query {self.name}>"


def _place(call: _Call) -> dict[str, Any]:
    """Return the attributes that all calls of a connection have."""
    shown: dict[str, Any] = {queries.SYSTEM: call.system}
    for key, of in queries.SHOWN.items():
        value = call.connection
        for name in call.attributes[of].split("."):
            value = getattr(value, name, None)
        if value:
            # PyMySQL keeps some names as bytes.
            shown[key] = value.decode(errors="ignore") if isinstance(value, bytes) else value
    return shown


def _text(call: _Call) -> str:
    """Return the statement that a call was given; of a template (PEP 750), with its expressions."""
    statement = call.statement_of(call.cursor, call.args)
    if hasattr(statement, "as_string"):
        statement = statement.as_string(call.cursor)
    if isinstance(statement, bytes):
        statement = statement.decode(errors="replace")
    elif hasattr(statement, "interpolations"):
        expressions = [f"{{{each.expression}}}" for each in statement.interpolations]
        parts = zip(statement.strings, [*expressions, ""], strict=True)
        statement = "".join(text + expression for text, expression in parts)
    return _LEADING_COMMENT.sub("", statement) if isinstance(statement, str) else ""


def _fail(span: Span, error: Exception) -> dict[str, str]:
    """Show an error on its span; return what shows it."""
    found = {queries.ERROR: type(error).__qualname__}
    if (code := queries.status_code(error)) is not None:
        found[queries.STATUS_CODE] = code
    span.set_status(Status(StatusCode.ERROR))
    span.set_attributes(found)
    return found
