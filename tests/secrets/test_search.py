"""The search finds a secret wherever it is planted."""

from __future__ import annotations

import logging
from base64 import b64encode
from urllib.parse import quote

import psycopg
import pytest
from opentelemetry import trace

from aurora_otel.drivers.connects import Login
from aurora_otel.monitoring.access import Access
from tests.secrets.search import found, sinks

CANARY = "canary/of the search"
OURS = logging.getLogger("aurora_otel")


def in_a_traceback():
    OURS.error("planted", exc_info=LookupError(CANARY))


def in_the_cause_of_an_exception():
    error = LookupError()
    error.__cause__ = KeyError(CANARY)
    OURS.error("planted", exc_info=error)


def in_a_span(plant):
    def do(agent):
        with agent.internals.spans._tracer.start_as_current_span("planted") as span:
            plant(span)

    return do


def in_a_log(*args, **kwargs):
    return lambda _: OURS.warning(*args, **kwargs)


PLANTS = {
    "a span's name": ("spans", in_a_span(lambda span: span.update_name(CANARY))),
    "a span's attribute": ("spans", in_a_span(lambda span: span.set_attribute("a", CANARY))),
    "a span's attribute's name": ("spans", in_a_span(lambda span: span.set_attribute(CANARY, 1))),
    "a span's event": ("spans", in_a_span(lambda span: span.add_event("e", {"a": CANARY}))),
    "a span's status": (
        "spans",
        in_a_span(lambda span: span.set_status(trace.Status(trace.StatusCode.ERROR, CANARY))),
    ),
    "an exception on a span": (
        "spans",
        in_a_span(lambda span: span.record_exception(LookupError(CANARY))),
    ),
    "a log's message": ("log records", in_a_log(CANARY)),
    "a log's argument": ("log records", in_a_log("%s", CANARY)),
    "a log's extra": ("log records", in_a_log("planted", extra={"aurora.x": CANARY})),
    "another logger": ("log records", lambda _: logging.getLogger("asyncio").debug(CANARY)),
    "a traceback": ("log records", lambda _: in_a_traceback()),
    "the cause of an exception": ("log records", lambda _: in_the_cause_of_an_exception()),
    "quoted": ("log records", in_a_log(quote(CANARY, safe=""))),
    "encoded": ("log records", in_a_log(b64encode(CANARY.encode()).decode())),
    "in hexadecimal": ("log records", in_a_log(CANARY.encode().hex())),
    "escaped": ("log records", in_a_log(repr({"dsn": CANARY}))),
}


@pytest.mark.parametrize(("sink", "plant"), PLANTS.values(), ids=PLANTS)
def test_a_planted_secret_is_found_where_it_is_exported(start, every_record, sink, plant):
    agent = start()
    assert found([CANARY], sinks(agent.exported, every_record)) == set()
    plant(agent)
    assert found([CANARY], sinks(agent.exported, every_record)) == {sink}


def test_a_planted_secret_is_found_in_a_metric(start, cluster, every_record):
    canary = "canary-among-settings"
    agent = start(cluster_id=canary)
    psycopg.connect(cluster.dsn()).close()
    exported = found([canary], sinks(agent.exported, every_record))
    # What an application calls its cluster stands on everything that is exported about it.
    assert exported == {"spans", "metrics", "log records", "reprs", "snapshot"}


def test_a_planted_secret_is_found_in_what_an_object_of_the_agent_shows(start, every_record):
    agent = start()
    shown = Access(None, Login({"password": "is kept"}), CANARY)
    assert found([CANARY], sinks(agent.exported, every_record)) == {"reprs"}
    assert found(["is kept"], sinks(agent.exported, every_record)) == set()
    del shown
