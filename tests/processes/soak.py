"""Many connections in one process, without the agent and with it: `make soak`.

`python -m tests.processes.soak 100000 10000 docs/reliability.md` opens and closes 100,000, leaks
10,000, and writes what came of it into that document.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from aurora_otel.lab import Cluster
from tests.support.programs import PYTHON, ROOT, environment

BEGIN, END = "<!-- soak: written by the command itself -->", "<!-- /soak -->"


def churn(cluster, closed, leaked):
    """Open that many connections in two processes, side by side; return what each reports.

    Straight at the servers, past the gateway: it is the process that is to be kept busy.
    """
    login = {"user": cluster.user, "password": cluster.password, "database": cluster.database}
    places = [cluster.plain_address(name) for name in cluster.instances]
    logins = [{"host": host, "port": port, **login} for host, port in places]
    named = zip(cluster.instances, places, strict=True)
    endpoints = ",".join(f"{name}={host}:{port}" for name, (host, port) in named)
    env = environment(
        cluster, PROCESS_LOGIN=json.dumps(logins), AURORA_OTEL_INSTANCE_ENDPOINTS=endpoints
    )
    processes = {
        how: subprocess.Popen(
            [PYTHON, "-m", "tests.processes.churn", how, str(closed), str(leaked)],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        for how in ("plain", "instrumented")
    }
    try:
        return {how: json.loads(each.communicate()[0]) for how, each in processes.items()}
    finally:
        for each in processes.values():
            each.kill()
            each.wait()


def table(reported):
    """The figures of both runs, as Markdown."""
    rows = ["| | plain driver | with aurora-otel |", "|---|---|---|"]
    for name in ("descriptors", "threads", "tracked"):
        cells = (f"{run['before'][name]} → {run['after'][name]}" for run in reported.values())
        rows.append(f"| {name}, before → after | {' | '.join(cells)} |")
    for name in ("before", "after"):
        cells = (f"{run[name]['resident'] / 2**20:.1f} MiB" for run in reported.values())
        rows.append(f"| resident memory {name} | {' | '.join(cells)} |")
    cells = (f"{run['seconds']:.0f} s" for run in reported.values())
    rows.append(f"| duration, both side by side | {' | '.join(cells)} |")
    return "\n".join(rows)


def write(document, closed, leaked, reported):
    """Put the figures into a document, between the marks for them."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    command = f"`python -m tests.processes.soak {closed} {leaked}`, with mysqlclient:"
    document.write_text(f"{before}{BEGIN}\n\n{command}\n\n{table(reported)}\n\n{END}{after}")


if __name__ == "__main__":
    closed, leaked = map(int, sys.argv[1:3])
    with Cluster("soak", engine="mysql") as cluster:
        reported = churn(cluster, closed, leaked)
    sys.stdout.write(table(reported) + "\n")
    for document in sys.argv[3:]:
        write(Path(document), closed, leaked, reported)
