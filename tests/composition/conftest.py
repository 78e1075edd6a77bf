import psycopg
import psycopg2
import pytest
from opentelemetry.instrumentation.dbapi import DatabaseApiIntegration

from tests import conftest
from tests.support.query_spans import Queries


@pytest.fixture(autouse=True)
def _only_without_the_option():
    if conftest.UPSTREAM:
        pytest.skip("these tests load upstream's instrumentations themselves")


@pytest.fixture
def queries():
    queries = Queries()
    yield queries
    queries.unload()


class Pair:
    """Ours and upstream's instrumentations, loaded in one order."""

    def __init__(self, queries, start, order):
        self.queries = queries
        if order == "upstream before ours":
            queries.load()
        self.agent = start()
        if order == "upstream after ours":
            queries.load()


@pytest.fixture(params=["upstream before ours", "upstream after ours"])
def order(request):
    return request.param


@pytest.fixture
def pair(queries, start, order):
    return Pair(queries, start, order)


@pytest.fixture
def originals():
    """Return whether the drivers and upstream's common part have again what they have now."""
    owners = (psycopg, psycopg.Connection, psycopg2, DatabaseApiIntegration)
    before = [dict(vars(owner)) for owner in owners]
    return lambda: all(
        vars(owner).keys() == was.keys() and all(vars(owner)[name] is was[name] for name in was)
        for owner, was in zip(owners, before, strict=True)
    )
