"""A WSGI service that opens a connection before its server forks, and does what is requested.

`/connect` opens a connection of the worker's own, `/write` writes on it, `/lost` says whether the
inherited one still works for the worker's agent, `/state` shows what the agent knows.
"""

from __future__ import annotations

import json
import os
import threading

import psycopg

import aurora_otel
from aurora_otel.instrumentor import running_agent

DSN = os.environ["PROCESS_DSN"]
aurora_otel.AuroraInstrumentor().instrument()
inherited = psycopg.connect(DSN, application_name="parent", autocommit=True)
inherited.execute("SELECT 1")


def threads():
    return [each.name for each in threading.enumerate() if each.name.startswith("aurora-otel")]


loaded_in = os.getpid()
threads_there = threads()
own = []


def connect():
    own.append(psycopg.connect(DSN, application_name="worker", autocommit=True))


def write():
    own[-1].execute("INSERT INTO writes (x) VALUES ('processes')")


def state():
    """Nothing more than what is exported about it anyway."""


REQUESTS = {each.__name__: each for each in (connect, write, state)}


def observed(metric):
    return sum(running_agent().observations().get(metric, {}).values())


def carry_out(request):
    error = None
    try:
        REQUESTS[request]()
    except psycopg.Error as raised:
        error = type(raised).__name__
    snapshot = aurora_otel.snapshot()
    return {
        "pid": os.getpid(),
        "loaded_in": loaded_in,
        "threads_there": threads_there,
        "threads": threads(),
        "error": error,
        "clusters": len(snapshot.clusters),
        "tracked": sum(cluster.connections for cluster in snapshot.clusters),
        "opens": observed("aurora.connection.opens"),
        "prunes": observed("aurora.connection.prunes"),
        "failovers": observed("aurora.failovers"),
        "failures": dict(snapshot.internal_failures),
    }


def application(environ, start_response):
    answer = json.dumps(carry_out(environ["PATH_INFO"].strip("/"))).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [answer]
