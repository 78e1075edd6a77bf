"""A drill as a process, on a lab's cluster that moto's RDS API shows and fails over."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.backends import get_backend

from aurora_otel.lab import Cluster, Failover, Switch
from tests.kinds.conftest import multi_az  # noqa: F401 - a fixture
from tests.rds_api.conftest import aws, plane, servers  # noqa: F401 - fixtures
from tests.support.labs import as_new
from tests.support.rds_api import ACCOUNT, REGION

COMMAND = str(Path(sysconfig.get_path("scripts"), "aurora-otel"))


class Drill:
    """Runs `aurora-otel drill`; asking the RDS API for a failover makes the lab fail over."""

    def __init__(self, cluster: Cluster, plane) -> None:  # noqa: F811 - the fixture
        self.cluster = cluster
        self.plane = plane
        self.switches = []
        plane.hooks["FailoverDBCluster"] = self.fail_over
        self.target = cluster.readers[-1]
        self.messages = [
            f"Started cross AZ failover to DB instance: {self.target}",
            f"Completed failover to DB instance: {self.target}",
        ]

    def fail_over(self) -> None:
        self.switches.append(self.cluster.failover(Failover.SWITCHOVER, target=self.target))

    def fail_over_and_notify(self) -> None:
        self.plane.emit(self.messages[0])
        self.fail_over()
        self.plane.emit(self.messages[1])

    def schemas(self) -> list[str]:
        """What a drill left behind."""
        statement = "SELECT schema_name FROM information_schema.schemata"
        names = [name for (name,) in self.cluster.execute(self.cluster.writer, statement)]
        return [name for name in names if name.startswith("aurora_otel_drill")]

    def start(self, *arguments: str, dsn: str | None = None, **environment: str):
        """Start it without a terminal, so that no question is answered."""
        given = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        dsn = dsn or self.cluster.dsn("writer", host=self.cluster.address("writer")[0])
        command = [sys.executable, COMMAND, "drill", "--cluster", self.cluster.name, "--dsn", dsn]
        return subprocess.Popen(
            [*command, *arguments],
            env={**given, **self.cluster.environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return self.end(self.start(*arguments, **more))

    def rehearse(self, *arguments: str, **more: str) -> tuple[dict[str, Any], Switch]:
        """Run one that goes well; return what it reports, and what the lab did."""
        done = self.run("--target", self.target, "--json", *arguments, **more)
        assert done.returncode == 0, done.stderr
        (switch,) = self.switches
        return json.loads(done.stdout), switch

    @property
    def writers(self) -> dict[str, str]:
        """The setting that explains names of RDS's, which lead nowhere here."""
        return {"AURORA_OTEL_WRITER_ENDPOINTS": self.cluster.address("writer")[0]}

    def end(self, process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
        """Wait for its end; what it must never do is checked here."""
        output, errors = process.communicate()
        assert self.cluster.password not in output + errors
        assert "Traceback" not in errors
        assert self.schemas() == []
        assert self.cluster.sessions(self.cluster.writer, application_name="aurora-otel drill") == 0
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.fixture
def modest(cluster: Cluster) -> Iterator[str]:
    """The connection string of a role that may do what the documents ask for, and nothing else."""
    password = secrets.token_hex(8)
    cluster.execute(cluster.writer, f"CREATE ROLE drill LOGIN PASSWORD '{password}'")
    cluster.execute(cluster.writer, "GRANT CREATE ON DATABASE app TO drill")
    yield cluster.dsn("writer", user="drill", password=password)
    cluster.execute(cluster.writer, "DROP OWNED BY drill")
    cluster.execute(cluster.writer, "DROP ROLE drill")


@pytest.fixture
def drill(cluster: Cluster, plane) -> Drill:  # noqa: F811 - the fixture
    return Drill(cluster, plane)


@pytest.fixture
def multi_az_drill(multi_az: Cluster, servers, aws, monkeypatch) -> Iterator[Drill]:  # noqa: F811
    """The same on an RDS Multi-AZ DB cluster."""
    servers.reset()
    servers.show(as_new(multi_az))
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", servers.url)
    shown = get_backend("rds")[ACCOUNT][REGION].clusters[multi_az.name]
    monkeypatch.setattr(shown, "engine", "postgres")
    yield Drill(multi_az, servers)
    servers.reset()


@pytest.fixture
def mysql_drill(mysql_lab: Cluster, plane, monkeypatch) -> Drill:  # noqa: F811 - the fixture
    """The same on MySQL, by a user who may do what the documents ask for."""
    mysql_lab.heal()
    mysql_lab.execute(
        mysql_lab.writer,
        rf"GRANT ALL ON `aurora\_otel\_drill\_%`.* TO {mysql_lab.user}",
    )
    shown = get_backend("rds")[ACCOUNT][REGION].clusters[mysql_lab.name]
    monkeypatch.setattr(shown, "engine", "aurora-mysql")
    plane.fail_over(mysql_lab, mysql_lab.writer)
    return Drill(mysql_lab, plane)
