"""A driver's C library resolves names by itself: they are understood all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.moving_names import hosts_file

PRIVATE = "db.example.com"
# A private name that the settings say means the writer.
PRIVATE_WRITER = "writer.example.com"


@pytest.fixture
def run_by_name(cluster, driver, tmp_path):
    """Runs an application that connects to these hosts; returns how each was tracked."""

    def run_by_name(hosts):
        places = [
            (host, ip, port, cluster.user, cluster.password, cluster.database)
            for host, (ip, port) in hosts.items()
        ]
        settings = {
            "instance_endpoints": cluster.environment()["AURORA_OTEL_INSTANCE_ENDPOINTS"],
            "writer_endpoints": PRIVATE_WRITER,
        }
        task = {"driver": driver.id, "settings": settings, "places": places}
        addresses = {host: ip for host, (ip, _) in hosts.items()}
        with hosts_file(addresses, tmp_path / "hosts") as environment:
            done = subprocess.run(
                [sys.executable, "-m", "tests.drivers.by_name"],
                check=False,
                capture_output=True,
                env=os.environ | environment,
                input=json.dumps(task),
                text=True,
            )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run_by_name


def test_a_name_that_the_c_library_resolves_yields_the_endpoint(cluster, c_library, run_by_name):
    (reader, *_), writer = cluster.readers, cluster.writer
    cluster.custom = [reader]
    targets = ["writer", "custom", writer, reader]
    hosts = {cluster.host(target): cluster.address(target) for target in targets}
    hosts |= dict.fromkeys((PRIVATE, PRIVATE_WRITER), cluster.address("writer"))
    hosts[cluster.host("reader")] = cluster.address("reader")
    *tracked, (kind, instance, role) = run_by_name(hosts)
    assert tracked == [
        ["writer", writer, "writer"],
        ["custom", reader, "reader"],
        ["instance", writer, "writer"],
        ["instance", reader, "reader"],
        ["other", writer, "writer"],
        ["writer", writer, "writer"],
    ]
    assert (kind, role) == ("reader", "reader")
    assert instance in cluster.readers
