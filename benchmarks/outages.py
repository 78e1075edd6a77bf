"""What a failover costs an application: `make service`.

Writes `docs/service.md`, and the README's rows.
"""

from __future__ import annotations

import os
import platform
import statistics
from importlib.metadata import version

from aurora_otel.lab import Cluster, Failover
from benchmarks import readme, service
from benchmarks.bench import Bench
from benchmarks.contenders import AWS_LATE_DNS, OURS, PLAIN
from benchmarks.questions import late_dns
from benchmarks.service import Count

LAG = 15.0
ROUNDS = 3
CONTENDERS = {
    PLAIN: "without the agent",
    AWS_LATE_DNS: "AWS's wrapper",
    OURS: "with the agent",
}

_DOCUMENT = """\
# A service through a failover

Written by `make service`, on PostgreSQL servers as `aurora_otel.lab` runs them.

## Failed requests

The service is [examples/flask_gunicorn.py](../examples/README.md): Flask and SQLAlchemy's pool,
served by {workers} workers of gunicorn with {threads} threads each. {clients} clients send requests
that write a row, each {every:.0f} ms after its last answer. {before:g} s later the writer changes.
It is a switchover: the sessions stay open, on an instance that is a reader now. The clients go on
for {after:g} s.

| | requests | failed | last failed request |
|---|--:|--:|---|
| without the agent | {without.requests:,} | {without.failed:,} | {without.last} |
| with the agent | {with_agent.requests:,} | {with_agent.failed:,} | {with_agent.last} |

Without the agent, the pools keep their connections, because the server still answers. So the
service fails until it is restarted. With the agent, the requests fail whose write the old writer
refused before the new one had confirmed itself.

## First write while DNS is late

{writers} threads write every {pause:.0f} ms through the cluster endpoint, and connect again after
each error. After a switchover, the endpoint's name leads to the old writer for {lag:g} s more.
The time is from the switchover to the first write that is accepted; it is the median of {rounds}
switchovers.

| | failed writes | first accepted write |
|---|--:|--:|
{late}

AWS's plugins are `initial_connection`, `aurora_connection_tracker` and `failover_v2`.

## The machine

Python {python}, {processors} processors, {packages}.
"""
_PACKAGES = ("psycopg", "sqlalchemy", "gunicorn", "aws_advanced_python_wrapper")


def measure_service() -> tuple[Count, Count]:
    """Return what became of the requests without the agent, and with it."""
    with Cluster("lab") as cluster:
        cluster.execute(cluster.writer, "CREATE TABLE writes (x text)")
        cluster.execute(cluster.writer, "GRANT ALL ON writes TO app")
        without = service.measure(cluster, instrumented=False)
        cluster.heal()
        return without, service.measure(cluster, instrumented=True)


def measure_late_dns() -> dict[str, tuple[float, float]]:
    """Return, for each contender, how many writes failed, and seconds until one was accepted."""
    with Bench(quick=True) as bench:
        rounds = [
            late_dns.fail_over(bench, Failover.SWITCHOVER, LAG, tuple(CONTENDERS))
            for _ in range(ROUNDS)
        ]
    return {
        name: (
            statistics.median(each[name].writes for each in rounds),
            statistics.median(each[name].seconds for each in rounds),
        )
        for name in CONTENDERS
    }


def main() -> None:
    """Measure, and write the document and the README's figures."""
    without, with_agent = measure_service()
    late = measure_late_dns()
    text = _DOCUMENT.format(
        workers=service.WORKERS,
        threads=service.THREADS,
        clients=service.CLIENTS,
        every=service.EVERY * 1e3,
        before=service.BEFORE,
        after=service.AFTER,
        without=without,
        with_agent=with_agent,
        writers=late_dns.THREADS,
        pause=late_dns.EVERY * 1e3,
        lag=LAG,
        rounds=ROUNDS,
        late="\n".join(
            f"| {CONTENDERS[name]} | {writes:g} | {seconds:.2f} s |"
            for name, (writes, seconds) in late.items()
        ),
        python=platform.python_version(),
        processors=os.cpu_count(),
        packages=", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    )
    readme.SERVICE.write_text(text, encoding="utf-8")
    readme.update()
    print(text)  # noqa: T201 - the command's output


if __name__ == "__main__":
    main()
