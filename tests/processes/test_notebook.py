"""A notebook whose cells await: its kernel runs one event loop from cell to cell."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from aurora_otel.lab import Failover
from tests.support.labs import login_of
from tests.support.programs import environment
from tests.support.waiting import eventually

OPEN = """\
import asyncpg
import aurora_otel

aurora_otel.AuroraInstrumentor().instrument()
pool = await asyncpg.create_pool(**{login!r}, min_size=3, max_size=3)
"""
WRITE = """\
try:
    await pool.execute("INSERT INTO writes (x) VALUES ('notebook')")
    result = "written"
except asyncpg.PostgresError as error:
    result = type(error).__name__
result
"""
TRACKED = """\
[each.id for cluster in aurora_otel.snapshot().clusters for each in cluster.instances
 if sum(each.connections.values())]
"""


@pytest.fixture
def run(cluster):
    """Runs a cell; returns its value as it is shown."""
    client = NotebookClient(nbformat.v4.new_notebook())
    client.create_kernel_manager()
    client.start_new_kernel(env=environment(cluster))
    client.start_new_kernel_client()

    def run(source):
        client.nb.cells.append(nbformat.v4.new_code_cell(source))
        done = client.execute_cell(client.nb.cells[-1], len(client.nb.cells) - 1)
        values = [each["data"] for each in done.outputs if each.output_type == "execute_result"]
        return values[-1]["text/plain"] if values else None

    yield run
    client._cleanup_kernel()


def test_cells_that_await_lose_one_write_at_most_in_a_switchover(run, cluster):
    run(OPEN.format(login=login_of(cluster)))
    assert run(WRITE) == "'written'"
    switch = cluster.failover(Failover.SWITCHOVER)
    after = [run(WRITE) for _ in range(4)]
    assert after[1:] == ["'written'"] * 3
    # Those that were idle are no longer open.
    eventually(lambda: run(TRACKED) == f"['{switch.new_writer}']")
