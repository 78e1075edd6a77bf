"""Hosts, tunnels and names of instances without end, and what is kept of them: `make bounds`.

`python -m tests.processes.bounds docs/reliability.md` connects to so many, each in a process of its
own, on fake servers that answer as Aurora does, and writes what came of it into that document.
"""

from __future__ import annotations

import gc
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from aurora_otel.agent import Agent
from aurora_otel.drivers.connects import Login, Opening
from aurora_otel.drivers.marks import ATTRIBUTE
from aurora_otel.drivers.protocol import Rows
from aurora_otel.settings import Settings
from aurora_otel.telemetry.metrics import instruments
from aurora_otel.telemetry.spans import Spans
from tests.histories.driver import Connection, Driver
from tests.histories.world import Database, Server, Session, World
from tests.support.programs import PYTHON, ROOT

BEGIN, END = "<!-- bounds: written by the command itself -->", "<!-- /bounds -->"
QUESTIONS = {
    "10,000 hosts": "hosts",
    "2,000 tunnels at one address": "tunnels",
    "100,000 names of instances in one cluster": "names",
}
# So many connections come first: what any process needs is there then.
WARM = 100


def hosts() -> Iterator[tuple[str, int, list[str]]]:
    """Where each connection goes, and the instances listed there, the writer first."""
    for n in range(10_000):
        yield f"db-{n}.example.com", 5432, [f"tenant-{n}-1", f"tenant-{n}-2"]


def tunnels() -> Iterator[tuple[str, int, list[str]]]:
    """Yield the same for a cluster behind ports that change."""
    for n in range(2_000):
        yield "127.0.0.1", 20_000 + n, ["orders-1", "orders-2"]


def names() -> Iterator[tuple[str, int, list[str]]]:
    """Yield the same for a cluster whose readers come and go."""
    for n in range(100_000):
        yield "db.example.com", 5432, ["orders-1", f"autoscaling-{n}"]


class Anywhere(Driver):
    """Any host is a server, which lists what it is given."""

    def __init__(self) -> None:
        super().__init__(World([1]), lambda _: None)
        self.listed: list[str] = []

    def open(self, host: str, port: int, timeout: float) -> Session:
        """Open a session to the writer of a cluster of its own."""
        database = Database("any", "example.com", 0)
        database.servers = [Server(name, database) for name in self.listed]
        database.writer = database.servers[0]
        return Session(database.writer, host, port)

    def answer(self, session: Session, statement: str, timeout: float) -> Rows:
        """Answer; what histories keep of that is no memory of the agent's."""
        rows = super().answer(session, statement, timeout)
        self.world.claimed.clear()
        return rows


def resident() -> int:
    """Return the resident memory in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def series(agent: Agent, reader: InMemoryMetricReader) -> int:
    """Return how many series are exported."""
    exported = json.loads(data.to_json()) if (data := reader.get_metrics_data()) else {}
    metrics = (
        metric
        for resource in exported.get("resource_metrics", ())
        for scope in resource["scope_metrics"]
        for metric in scope["metrics"]
    )
    recorded = sum(len(metric["data"]["data_points"]) for metric in metrics)
    return recorded + sum(len(found) for found in agent.observations().values())


def measure(question: str) -> dict[str, float]:
    """Connect to all that a question is about; return what is kept at first and at last."""
    reader = InMemoryMetricReader()
    settings = Settings.resolve({"rds_api": "off"}, {})
    provider = MeterProvider([reader])
    agent = Agent(settings, Spans(trace.NoOpTracer()), instruments(provider))
    driver, began, measured = Anywhere(), time.monotonic(), {}

    def note(when: str) -> None:
        agent._background.wake()
        time.sleep(5.0)
        agent.use_cases.rounds.tick()
        measured[f"memory {when}"] = resident() / 2**20
        measured[f"series {when}"] = series(agent, reader)
        measured[f"clusters {when}"] = len(list(agent.clusters))

    for number, (host, port, listed) in enumerate(globals()[question]()):
        driver.listed = listed
        connection = Connection(driver.open(host, port, 1.0))
        agent.hooks.opened(driver, Opening(connection, Login((host, port)), lambda: None, 0))
        agent.hooks.closed(getattr(connection, ATTRIBUTE))
        connection.session.close()
        if number + 1 == WARM:
            note("before")
    note("after")
    measured["seconds"] = time.monotonic() - began
    agent.stop()
    return measured


def table(measured: dict[str, dict[str, float]]) -> str:
    """Return the figures as Markdown."""
    rows = [
        f"| | resident memory, after {WARM} → after all | series | clusters known | duration |",
        "|---|---|---|---|---|",
    ]
    for question, found in measured.items():
        memory = f"{found['memory before']:.1f} → {found['memory after']:.1f} MiB"
        counts = (
            f"{found[f'{what} before']:,.0f} → {found[f'{what} after']:,.0f}"
            for what in ("series", "clusters")
        )
        rows.append(f"| {question} | {memory} | {' | '.join(counts)} | {found['seconds']:.0f} s |")
    return "\n".join(rows)


def write(document: Path, text: str) -> None:
    """Put the figures into a document, between the marks for them."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    command = "`python -m tests.processes.bounds`:"
    document.write_text(f"{before}{BEGIN}\n\n{command}\n\n{text}\n\n{END}{after}")


def run(question: str) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [PYTHON, "-m", "tests.processes.bounds", "--question", question]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--question"]:
        sys.stdout.write(json.dumps(measure(sys.argv[2])))
    else:
        text = table({name: run(question) for name, question in QUESTIONS.items()})
        sys.stdout.write(f"{text}\n")
        for document in itertools.islice(sys.argv, 1, None):
            write(Path(document), text)
