"""Where a system lacks what Linux has: taken away before the agent is imported."""

import os
import subprocess
import sys

import pytest

from aurora_otel.lab import Failover
from tests.support.waiting import PATIENT

# What the application and the agent import is imported first: the libraries are not asked to live
# without these.
PREPARED = """
import asyncio, ctypes, logging, multiprocessing, os, select, signal, socket, subprocess, sys
import psycopg, psycopg2, opentelemetry.sdk.trace, opentelemetry.instrumentation.dbapi
logging.basicConfig()
"""
WINDOWS = """
for module, names in {
    os: ["register_at_fork", "fork"],
    select: ["poll"],
    signal: ["SIGPIPE", "pthread_sigmask", "sigtimedwait", "sigpending", "sigwait"],
    socket: ["MSG_DONTWAIT", "MSG_TRUNC", "AF_UNIX", "TCP_INFO"],
}.items():
    for name in names:
        delattr(module, name)
def nothing(*_, **__):
    raise TypeError
ctypes.CDLL = nothing
sys.platform = "win32"
"""
MACOS = """
del signal.sigtimedwait
for name in ("TCP_INFO", "SO_PEERCRED"):
    delattr(socket, name)
sys.platform = "darwin"
"""
NOTHING = """
plain = psycopg.connect
import aurora_otel
aurora_otel.AuroraInstrumentor().instrument()
aurora_otel.AuroraInstrumentor().instrument(mode="observe")
assert psycopg.connect is plain
print(aurora_otel.snapshot().active)
"""
A_FAILOVER = """
import aurora_otel
aurora_otel.AuroraInstrumentor().instrument()
dsn = sys.argv[1]
held = [driver.connect(dsn) for driver in (psycopg, psycopg, psycopg2)]
for connection in held:
    connection.autocommit = True
print("connected", flush=True)
sys.stdin.readline()
def write(connection):
    try:
        connection.cursor().execute("INSERT INTO writes (x) VALUES ('x')")
    except (psycopg.Error, psycopg2.Error) as error:
        return type(error).__name__
print([write(connection) for connection in held], aurora_otel.snapshot().internal_failures)
"""


def test_a_system_without_what_the_agent_needs_has_no_agent_and_one_warning():
    done = subprocess.run(
        [sys.executable, "-c", PREPARED + WINDOWS + NOTHING],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "False\n", done.stderr
    assert done.stderr.count("does nothing on this system, which has no os.register_at_fork") == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("ignored", [True, False], ids=["ignored", "default"])
def test_a_system_without_linuxs_own_functions_is_cleaned_up(cluster, ignored):
    action = "SIG_IGN" if ignored else "SIG_DFL"
    program = f"{PREPARED}{MACOS}signal.signal(signal.SIGPIPE, signal.{action}){A_FAILOVER}"
    application = subprocess.Popen(
        [sys.executable, "-c", program, cluster.dsn("writer")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **cluster.environment(), **PATIENT},
    )
    assert application.stdout.readline() == "connected\n"
    cluster.failover(Failover.SWITCHOVER)
    found, _ = application.communicate("\n", timeout=60)
    # Where SIGPIPE would end the process, only Linux has a way to close: the server refuses.
    others = ["OperationalError"] * 2 if ignored else ["ReadOnlySqlTransaction"] * 2
    assert found.strip() == f"{['ReadOnlySqlTransaction', *others]} {{}}"
    assert application.returncode == 0
