"""The script that puts the dashboards into a Grafana that runs elsewhere."""

import http.server
import json
import os
import subprocess
import threading

import pytest

from tests.dashboards.committed import DASHBOARDS, DIRECTORY

SCRIPT = DIRECTORY / "grafana-cloud.sh"


class Grafana(http.server.ThreadingHTTPServer):
    """Takes what is posted; knows its folder already at the second time."""

    def __init__(self, refuses=()):
        super().__init__(("127.0.0.1", 0), Handler)
        self.refuses = refuses
        self.posted = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = self.path in {path for path, *_ in self.server.posted}
        self.server.posted.append((self.path, self.headers["Authorization"], body))
        status = 412 if known and self.path == "/api/folders" else 200
        self.send_response(403 if self.path in self.server.refuses else status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture
def grafana(request):
    with Grafana(*getattr(request, "param", ())) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(**environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GRAFANA_")}
    return subprocess.run(
        [SCRIPT], env=clean | environment, capture_output=True, text=True, check=False
    )


def put(grafana):
    return run(GRAFANA_URL=f"http://127.0.0.1:{grafana.server_port}/", GRAFANA_TOKEN="glsa_x")


def test_it_puts_each_dashboard_into_the_folder_and_again_to_update_it(grafana):
    for _ in range(2):
        assert put(grafana).returncode == 0
        dashboards = [body for path, _, body in grafana.posted if path == "/api/dashboards/db"]
        assert [body["dashboard"] for body in dashboards[-2:]] == list(DASHBOARDS.values())
        assert all(body["overwrite"] and body["folderUid"] == "aurora" for body in dashboards)
    assert {authorization for _, authorization, _ in grafana.posted} == {"Bearer glsa_x"}


@pytest.mark.parametrize("grafana", [[["/api/folders"]], [["/api/dashboards/db"]]], indirect=True)
def test_a_grafana_that_refuses_is_an_error(grafana):
    found = put(grafana)
    assert found.returncode != 0
    assert "403" in found.stderr
    assert "glsa_x" not in found.stdout + found.stderr


@pytest.mark.parametrize("missing", ["GRAFANA_URL", "GRAFANA_TOKEN"])
def test_a_variable_that_is_missing_is_named(missing):
    variables = {"GRAFANA_URL": "http://127.0.0.1:9", "GRAFANA_TOKEN": "x"}
    del variables[missing]
    found = run(**variables)
    assert found.returncode != 0
    assert missing in found.stderr
