"""The search for vulnerable dependencies finds them, and never passes for nothing."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit"


def known(name):
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}]
    package = {"name": name, "ecosystem": "PyPI"}
    return {"vulns": [{"id": f"X-{name}", "affected": [{"package": package, "ranges": ranges}]}]}


@contextlib.contextmanager
def service(vulnerable, status=200):
    """Stand for a vulnerability service that knows of these distributions."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            body = json.dumps(known(name) if name in vulnerable else {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield "http://{}:{}/v1/query".format(*server.server_address)
        server.shutdown()
        thread.join()


@pytest.fixture
def audit(tmp_path):
    installed = tmp_path / "installed.txt"
    installed.write_text("wrapt==1.17.0\nrich==14.0.0\n")

    def run(url):
        environment = {**os.environ, "AUDIT_SERVICES": "osv", "AUDIT_OSV_URL": url}
        arguments = ["--no-deps", "--disable-pip", "--requirement", str(installed)]
        return subprocess.run(
            [sys.executable, AUDIT, *arguments],
            capture_output=True,
            check=False,
            env=environment,
            text=True,
        )

    return run


def test_a_vulnerable_distribution_fails_and_is_named(audit):
    with service({"jinja2", "rich"}) as url:
        done = audit(url)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "rich 14.0.0: X-rich, fixed in 99",
        "osv knows 1 vulnerable of 2 distributions",
    ]


def test_nothing_known_of_what_is_installed_passes(audit):
    with service({"jinja2"}) as url:
        done = audit(url)
    assert (done.returncode, done.stdout) == (0, "osv knows 0 vulnerable of 2 distributions\n")


@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_service_that_knows_nothing_at_all_has_audited_nothing(audit, status):
    with service(set(), status) as url:
        done = audit(url)
    assert done.returncode == 0
    assert done.stdout == "WARNING: dependencies NOT audited: no answer from osv\n"


def test_a_service_that_cannot_be_reached_is_reported():
    # Nothing listens there.
    environment = {**os.environ, "AUDIT_SERVICES": "osv", "AUDIT_OSV_URL": "http://127.0.0.1:1/"}
    done = subprocess.run(
        [sys.executable, AUDIT], capture_output=True, check=False, env=environment, text=True
    )
    assert done.returncode == 0
    assert "NOT audited" in done.stdout
