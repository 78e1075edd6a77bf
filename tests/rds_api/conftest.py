from __future__ import annotations

from collections.abc import Iterator

import pytest

from aurora_otel.lab import Cluster
from tests.behaviour.functions import tampered
from tests.rds_api.control_plane import REGION, ControlPlane


@pytest.fixture(scope="session")
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
