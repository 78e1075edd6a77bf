from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from aurora_otel.discovery.rds.api import RdsApi
from aurora_otel.lab import Cluster
from tests.support.functions import tampered
from tests.support.rds_api import REGION, ControlPlane


@pytest.fixture(scope="package")
def servers() -> Iterator[ControlPlane]:
    plane = ControlPlane()
    yield plane
    plane.stop()


@pytest.fixture
def aws(monkeypatch, tmp_path) -> None:
    """An AWS configuration of a test's own: credentials, and nothing of this machine's."""
    for variable in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-tests")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def driver() -> str:
    """The API is asked the same way, whatever the driver."""
    return "psycopg"


@pytest.fixture
def plane(
    servers: ControlPlane, cluster: Cluster, aws: None, monkeypatch
) -> Iterator[ControlPlane]:
    """The RDS API, which shows the lab's cluster as it is when the test begins."""
    servers.reset()
    servers.show(cluster)
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", servers.url)
    yield servers
    servers.reset()


@pytest.fixture
def muted(cluster: Cluster) -> Iterator[Cluster]:
    """A cluster whose application may not read the topology by SQL."""
    name = "aurora_replica_status"
    with tampered(cluster, name, f"REVOKE EXECUTE ON FUNCTION pg_catalog.{name}() FROM PUBLIC"):
        yield cluster


class Questions:
    """The agent's questions to the RDS API, which can be held back.

    Attributes:
        begun: set once there was one.
    """

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._may_go = threading.Event()
        self._may_go.set()

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """Hold each one up until the end."""
        self._may_go.clear()
        try:
            yield
        finally:
            self._may_go.set()

    def pass_one(self) -> None:
        """Wait until a question may go on."""
        self.begun.set()
        assert self._may_go.wait(60), "held back for ever: a call waits for the RDS API"


@pytest.fixture
def questions(monkeypatch) -> Questions:
    """The agent's questions to the RDS API."""
    asked, plain = Questions(), RdsApi._ask

    def ask(*args):
        asked.pass_one()
        return plain(*args)

    monkeypatch.setattr(RdsApi, "_ask", ask)
    return asked
