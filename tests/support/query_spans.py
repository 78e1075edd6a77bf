"""The query spans of upstream's instrumentations."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support import upstream

OURS = ("aurora.instance.id", "aurora.instance.role")


class Queries:
    """Upstream's instrumentations, and the spans that they and the application make."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))

    def load(self):
        upstream.load(self.tracers)

    def unload(self):
        upstream.unload()

    def take(self):
        """Return the spans since the last call."""
        spans = self._exporter.get_finished_spans()
        self._exporter.clear()
        return spans


def described(span):
    """Return what a query span shows, without what the agent adds."""
    attributes = {key: value for key, value in span.attributes.items() if key not in OURS}
    return (
        span.name,
        span.kind,
        tuple(sorted(attributes.items())),
        span.status.status_code,
        tuple(event.name for event in span.events),
        span.instrumentation_scope.name,
    )
