"""The whole demo, as its user runs it."""

import json
import subprocess
import sys

import pytest

from tests.demo.chromium import chromium
from tests.demo.pages import figures_in, figures_shown

pytestmark = [pytest.mark.demo, pytest.mark.timeout(180)]

# Each failover with each engine and with each kind of cluster that has it, and each pool.
RUNS = (
    ("aurora", "psycopg", "switchover", "none", 0),
    ("aurora", "psycopg", "hang", "none", 0),
    ("aurora", "pymysql", "crash", "none", 0),
    ("aurora", "pymysql", "hang", "none", 0),
    ("aurora", "psycopg", "switchover", "sqlalchemy", 0),
    ("aurora", "psycopg", "crash", "psycopg_pool", 0),
    ("aurora", "psycopg", "switchover", "none", 5),
    ("aurora", "asyncpg", "hang", "none", 0),
    ("aurora", "asyncpg", "switchover", "sqlalchemy", 0),
    ("plain", "psycopg", "crash", "none", 0),
    ("plain", "psycopg", "hang", "none", 0),
    ("plain", "psycopg", "switchover", "sqlalchemy", 0),
    ("plain", "pymysql", "switchover", "none", 0),
    ("single", "psycopg", "crash", "none", 0),
    ("single", "pymysql", "hang", "none", 0),
)


@pytest.mark.parametrize(("kind", "driver", "failover", "pool", "dns_lag"), RUNS)
def test_the_demo_keeps_its_promises(  # noqa: PLR0913, PLR0917 - a row
    kind, driver, failover, pool, dns_lag, tmp_path
):
    report = tmp_path / "report.html"
    program = "import sys, aurora_otel.cli; sys.exit(aurora_otel.cli.main())"
    done = subprocess.run(
        [
            *(sys.executable, "-c", program, "demo"),
            *("--kind", kind, "--driver", driver, "--failover", failover, "--pool", pool),
            *("--dns-lag", str(dns_lag)),
            *("--json", "-", "--report", str(report)),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=170,
    )
    document = json.loads(done.stdout)
    assert [one for one in document["promises"] if not one["kept"]] == [], done.stderr
    assert [one for one in document["controls"] if not one["shown"]] == [], done.stderr
    assert bool(document["controls"]) == (failover == "switchover")
    assert (done.returncode, document["kept"]) == (0, True)
    asked = tuple(document[each] for each in ("kind", "driver", "failover", "pool"))
    assert asked == (kind, driver, failover, pool)
    if pool != "none":
        assert document["with"]["most_failed_writes_per_writing_thread"] <= 1
        assert document["with"]["closed_writes_after_cleanup"] == 0
    restarts = (kind, driver != "pymysql", failover) == ("plain", True, "switchover")
    if pool != "none" and failover == "switchover" and not restarts:
        # What happens to a write in flight when its server dies, no pool can help.
        assert document["with"]["closed_writes"] == 0
    if dns_lag:
        shown = {half: document[half]["refused_after_published"] for half in ("without", "with")}
        assert shown["with"]["on_new_connections"] == 0
        assert shown["without"]["on_new_connections"] > 0
    assert document["with"]["invalidated"] > 0 or failover == "crash"
    assert document["with"]["detection_seconds"] is not None
    assert document["with"]["cleanup_seconds"] is not None
    assert ("with_every_thread_hung" in document) == (failover == "hang")
    with chromium() as page:
        page.open(report)
        assert (page.requests, page.complaints) == ([report.as_uri()], [])
        assert figures_shown(page) == figures_in(document)
