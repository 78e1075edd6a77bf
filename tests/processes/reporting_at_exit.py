"""A program that ends as soon as a write was refused, while its exporter takes its time.

It writes the name of each span that is exported; with `blocked`, its exporter never returns.
"""

import contextlib
import os
import sys
import threading
import time

import psycopg
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from aurora_otel import AuroraInstrumentor


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Exporter(SpanExporter):
    def export(self, spans):
        for span in spans:
            if span.name == "track connection":
                continue
            if "blocked" in sys.argv:
                threading.Event().wait()
            time.sleep(0.3)
            say(span.name)
        return SpanExportResult.SUCCESS


AuroraInstrumentor().instrument()
# Its own end comes before that of everything that was there already.
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(Exporter()))
trace.set_tracer_provider(provider)
connection = psycopg.connect(os.environ["PROCESS_DSN"], autocommit=True)
say("ready")
sys.stdin.readline()
with contextlib.suppress(psycopg.Error):
    connection.execute("INSERT INTO writes (x) VALUES ('exit')")
