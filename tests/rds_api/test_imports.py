"""boto3 is imported when the RDS API is asked, and not before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from aurora_otel.lab import Cluster, Failover
from tests.support.waiting import PATIENT

APPLICATION = Path(__file__).with_name("without_boto3.py")


def modules_after_a_failover(cluster: Cluster, use: str) -> list[str]:
    environment = {
        **cluster.environment(),
        **PATIENT,
        "AURORA_OTEL_RDS_API": use,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with subprocess.Popen(
        [sys.executable, str(APPLICATION), cluster.dsn("writer")],
        env=environment,
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as application:
        assert application.stdin
        assert application.stdout
        assert application.stdout.readline() == "ready\n"
        cluster.failover(Failover.SWITCHOVER)
        application.stdin.write("failed over\n")
        application.stdin.flush()
        assert application.stdout.readline() == "ReadOnlySqlTransaction\n"
        printed = json.loads(application.stdout.readline())
    assert printed["failovers"] == 1
    return printed["modules"]


@pytest.mark.parametrize("use", ["off", "auto"])
def test_a_whole_failover_that_sql_shows_imports_no_boto3(cluster, use):
    assert modules_after_a_failover(cluster, use) == []


def test_the_api_that_is_wanted_is_imported_for_a_failover(cluster):
    assert modules_after_a_failover(cluster, "on") == ["boto3", "botocore"]
