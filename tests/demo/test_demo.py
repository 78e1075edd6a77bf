"""The whole demo, as its user runs it."""

import json
import subprocess
import sys

import pytest

from tests.demo.chromium import chromium
from tests.demo.pages import figures_in, figures_shown

pytestmark = [pytest.mark.demo, pytest.mark.timeout(180)]


@pytest.mark.parametrize("failover", ["switchover", "crash", "hang"])
@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_the_demo_keeps_its_promises(engine, failover, tmp_path):
    report = tmp_path / "report.html"
    program = "import sys, aurora_otel.cli; sys.exit(aurora_otel.cli.main())"
    done = subprocess.run(
        [
            *(sys.executable, "-c", program, "demo"),
            *("--engine", engine, "--failover", failover),
            *("--json", "-", "--report", str(report)),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=170,
    )
    document = json.loads(done.stdout)
    assert [one for one in document["promises"] if not one["kept"]] == [], done.stderr
    assert (done.returncode, document["kept"]) == (0, True)
    assert (document["engine"], document["failover"]) == (engine, failover)
    assert document["with"]["invalidated"] > 0 or failover == "crash"
    assert document["with"]["detection_seconds"] is not None
    assert document["with"]["cleanup_seconds"] is not None
    assert ("with_every_thread_hung" in document) == (failover == "hang")
    with chromium() as page:
        page.open(report)
        assert (page.requests, page.complaints) == ([report.as_uri()], [])
        assert figures_shown(page) == figures_in(document)
