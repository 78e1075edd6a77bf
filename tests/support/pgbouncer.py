"""A PgBouncer in transaction mode before a lab cluster."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aurora_otel.lab import Cluster
from aurora_otel.lab.installation import new_directory, server_account
from tests.support.waiting import eventually


@dataclass(frozen=True)
class PgBouncer:
    """One that is running.

    Attributes:
        port: where it listens, on 127.0.0.1.
        cluster: what is behind it.
        log: what it has to say.
    """

    port: int
    cluster: Cluster
    log: Path

    def dsn(self) -> str:
        user, database = self.cluster.user, self.cluster.database
        return (
            f"host=127.0.0.1 port={self.port} user={user} dbname={database}"
            " sslmode=disable gssencmode=disable"
        )

    @property
    def logins(self) -> int:
        """Return the number of clients that have logged in so far."""
        return self.log.read_text().count("login attempt: db=app ")


@contextlib.contextmanager
def pgbouncer(cluster: Cluster, *, pool_size: int = 5) -> Iterator[PgBouncer]:
    """Start one before the writer endpoint of `cluster`, as an unprivileged user."""
    program = shutil.which("pgbouncer", path=os.defpath + os.pathsep + "/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.fail("this test needs PgBouncer: apt-get install pgbouncer", pytrace=False)
    directory = new_directory()
    account = server_account()
    running = PgBouncer(_free_port(), cluster, directory / "log")
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(_configuration(running, pool_size))
    if account is not None:
        os.chown(configuration, account.uid, account.gid)
    configuration.chmod(0o600)
    process = subprocess.Popen(
        [program, "--quiet", str(configuration)],
        cwd=directory,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )
    try:
        eventually(lambda: _listens(running.port) or process.poll() is not None)
        assert process.poll() is None, running.log.read_text()
        yield running
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(directory)


def _configuration(running: PgBouncer, pool_size: int) -> str:
    host, port = running.cluster.address("writer")
    return f"""
[databases]
app = host={host} port={port} user={running.cluster.user} password={running.cluster.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {running.port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
query_wait_timeout = 60
logfile = {running.log}
server_tls_sslmode = disable
"""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
