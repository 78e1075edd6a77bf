"""One cluster of each engine for all tests of the lab, put right before each of them."""

from contextlib import ExitStack

import pytest

from aurora_otel.lab import Cluster
from tests.lab.sessions import SESSIONS


@pytest.fixture(scope="package")
def clusters():
    with ExitStack() as stack:
        started = {}

        def cluster(engine):
            if engine not in started:
                started[engine] = stack.enter_context(Cluster("lab", engine=engine))
            return started[engine]

        yield cluster


@pytest.fixture(params=SESSIONS)
def engine(request):
    return request.param


@pytest.fixture
def cluster(clusters, engine):
    cluster = clusters(engine)
    cluster.heal()
    return cluster


@pytest.fixture
def connect(cluster):
    """Open sessions that are closed after the test; `connect("writer", connect_timeout=3)`."""
    opened = []

    def connect(target="writer", of=cluster, **params):
        session = SESSIONS[of.engine](of, target, **params)
        opened.append(session)
        return session

    yield connect
    for session in opened:
        session.close()


@pytest.fixture
def failure(engine):
    """Return the error of an action that has to fail with the driver's operational one."""

    def failure(action):
        with pytest.raises(SESSIONS[engine].error) as error:
            action()
        return error.value

    return failure
