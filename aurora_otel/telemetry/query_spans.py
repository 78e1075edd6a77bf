"""The agent's query spans, for applications without another instrumentation of their driver.

Upstream's cursor tracer makes them; its connection proxy is not used, because it fails the drivers'
C-level type checks. An error is reported by its type: the server's message quotes the statement and
the values that were bound to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from opentelemetry import trace
from opentelemetry.instrumentation.dbapi import CursorTracer, DatabaseApiIntegration
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.trace import Status, StatusCode

from aurora_otel.drivers.marks import track_of
from aurora_otel.runtime.shield import Shield
from aurora_otel.settings import QuerySpans
from aurora_otel.version import __version__

# A statement's first word. Not up to the next space: what follows may be a literal.
_OPERATION = re.compile(r"[\s(]*([A-Za-z][A-Za-z0-9_]*)")


class QueryTracer:
    """Makes methods of cursors make spans.

    Args:
        detail: what of a statement the spans show; not `OFF`.
        provider: of the tracer.
        shield: keeps from the application what goes wrong before its call.
    """

    def __init__(self, detail: QuerySpans, provider: trace.TracerProvider, shield: Shield) -> None:
        self._detail = detail
        self._shield = shield
        self._provider = _Provider(provider)
        self._tracers: weakref.WeakKeyDictionary[Any, _Tracer] = weakref.WeakKeyDictionary()
        # Connections inside a call that has its span, and the threads or tasks that make it.
        self._running: set[tuple[int, int]] = set()

    def traced(
        self,
        system: str,
        original: Callable[..., Any],
        *,
        attributes: Mapping[str, str],
        connection_of: Callable[[Any], Any] = attrgetter("connection"),
    ) -> Callable[..., Any]:
        """Return a cursor's method as one that makes a span; as `protocol.Traced`."""

        @functools.wraps(original)
        def call(cursor: Any, *args: Any, **kwargs: Any) -> Any:
            connection = connection_of(cursor)
            running = id(connection), threading.get_ident()
            tracer = self._tracer_for(running, system, connection, attributes)
            if tracer is None:
                return original(cursor, *args, **kwargs)
            self._running.add(running)
            try:
                method = functools.partial(original, cursor)
                return tracer.traced_execution(cursor, method, *args, **kwargs)
            finally:
                self._running.discard(running)

        @functools.wraps(original)
        async def call_on_loop(cursor: Any, *args: Any, **kwargs: Any) -> Any:
            connection = connection_of(cursor)
            running = id(connection), id(asyncio.current_task())
            tracer = self._tracer_for(running, system, connection, attributes)
            if tracer is None:
                return await original(cursor, *args, **kwargs)
            self._running.add(running)
            try:
                method = functools.partial(original, cursor)
                return await tracer.traced_execution_async(cursor, method, *args, **kwargs)
            finally:
                self._running.discard(running)

        return call_on_loop if inspect.iscoroutinefunction(original) else call

    def _tracer_for(
        self, running: tuple[int, int], system: str, connection: Any, attributes: Mapping[str, str]
    ) -> _Tracer | None:
        """Return what makes the span of a call, if it is to have one."""
        # Some drivers' `executemany` is a loop over `execute`, and some ask something of their own
        # with another cursor: it is one call all the same.
        if running in self._running or track_of(connection) is None:
            return None
        return self._shield.run(
            "prepare a query span", self._tracer, system, connection, attributes
        )

    def _tracer(self, system: str, connection: Any, attributes: Mapping[str, str]) -> _Tracer:
        tracer = self._tracers.get(connection)
        if tracer is None:
            integration = DatabaseApiIntegration(
                "aurora_otel",
                system,
                dict(attributes),
                version=__version__,
                tracer_provider=self._provider,
            )
            integration.get_connection_attributes(connection)
            tracer = self._tracers[connection] = _Tracer(integration, self._detail, self._shield)
        return tracer


class _Tracer(CursorTracer[Any]):
    def __init__(
        self, integration: DatabaseApiIntegration, detail: QuerySpans, shield: Shield
    ) -> None:
        super().__init__(integration)
        self._detail = detail
        self._shield = shield

    def get_operation_name(self, cursor: Any, args: Sequence[Any]) -> str:
        found = _OPERATION.match(self._text(cursor, args))
        return found[1].upper() if found else ""

    def get_statement(self, cursor: Any, args: Sequence[Any]) -> str:
        if self._detail is QuerySpans.SUMMARY:
            return self.get_operation_name(cursor, args)
        return self._text(cursor, args)

    def _text(self, cursor: Any, args: Sequence[Any]) -> str:
        # A statement may be an object of the application's, with methods of its own.
        return self._shield.run("read a statement", self._read, cursor, args) or ""

    def _read(self, cursor: Any, args: Sequence[Any]) -> str:
        if args and hasattr(args[0], "as_string"):
            args = (args[0].as_string(cursor),)
        statement: str = super().get_statement(cursor, args)
        return self._leading_comment_remover.sub("", statement)


class _Provider(trace.TracerProvider):
    """Gives out tracers whose spans show an error's type alone: messages quote statements."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        return _Discreet(self._provider.get_tracer(*args, **kwargs))


class _Discreet(trace.Tracer):
    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def start_span(self, *args: Any, **kwargs: Any) -> trace.Span:
        return self._tracer.start_span(*args, **kwargs)

    # OpenTelemetry's may also decorate functions: that is not needed here.
    @contextlib.contextmanager
    def start_as_current_span(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> Iterator[trace.Span]:
        quiet = kwargs | {"record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(*args, **quiet) as span:
            try:
                yield span
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute(ERROR_TYPE, type(error).__qualname__)
                raise
