"""Beside upstream's instrumentation of a driver: its query spans stay, and have the instance."""

from __future__ import annotations

import contextlib

import pytest

from tests.support.query_spans import OURS, Queries, described
from tests.support.sql import attempt, run, write
from tests.support.upstream import UPSTREAM

INSERT = "INSERT INTO writes (x) VALUES (%s)"


@pytest.fixture
def queries():
    if UPSTREAM:
        pytest.skip("this test loads upstream's instrumentations itself")
    queries = Queries()
    yield queries
    queries.unload()


def use(connection) -> None:
    """Call what makes a query span with each of upstream's instrumentations."""
    with contextlib.closing(connection):
        write(connection)
        run(connection, "SELECT %s", 1)
        connection.cursor().executemany(INSERT, [("a",), ("b",)])
        connection.commit()
        assert attempt(lambda: run(connection, "SELECT nonsense")) is not None
        connection.rollback()


# Upstream's own cursor of mysql-connector's asks for what MariaDB does not have.
@pytest.mark.filterwarnings("ignore:.*Query Attributes:Warning")
def test_query_spans_are_what_they_are_without_the_agent_and_have_the_instance(
    queries, start, cluster, driver, order
):
    queries.load()
    use(driver.connect(cluster))
    queries.unload()
    without_agent = [described(span) for span in queries.take()]
    assert len(without_agent) == 4

    if order == "upstream before the agent":
        queries.load()
    start(**driver.settings(cluster))
    queries.load()
    use(driver.connect(cluster))
    spans = queries.take()
    assert [described(span) for span in spans] == without_agent
    for span in spans:
        assert [span.attributes.get(key) for key in OURS] == [cluster.writer, "writer"]
