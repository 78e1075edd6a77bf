"""A real Prometheus, scraping what a test chooses."""

import http.client
import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.support.waiting import eventually

RULES = Path(__file__).parents[2] / "dashboards" / "prometheus" / "aurora.rules.yml"


def tool(name):
    """Return the path of a program of Prometheus; without it, fail and name the command to run."""
    found = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin") or shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing: apt-get install prometheus", pytrace=False)
    return found


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Prometheus:
    """Scrapes every second, evaluates the rules every second; a context manager.

    Args:
        directory: for its data.
        targets: `host:port` by job.
    """

    def __init__(self, directory, targets):
        self._address = f"127.0.0.1:{free_port()}"
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": addresses}]}
                for job, addresses in targets.items()
            ],
        }
        file = directory / "prometheus.yml"
        file.write_text(yaml.safe_dump(configuration))
        self._log = (directory / "log").open("w")
        self._process = subprocess.Popen(
            [
                tool("prometheus"),
                f"--config.file={file}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={self._address}",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self):
        eventually(self._is_ready, within=30)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def query(self, expr, at=None):
        """Return the series of an instant query, as (labels, value)."""
        arguments = {"query": expr} | ({"time": at} if at else {})
        return [
            (series["metric"], float(series["value"][1]))
            for series in self._vector(self._get("query", **arguments))
        ]

    def values(self, expr, start, end, step=1):
        """Return the series of a range query, as (labels, values)."""
        found = self._get("query_range", query=expr, start=start, end=end, step=step)
        return [
            (series["metric"], [float(value) for _, value in series["values"]])
            for series in found["result"]
        ]

    def points(self, expr, start, end, step):
        """Return the series of a range query, as (labels, [(time, value)])."""
        found = self._get("query_range", query=expr, start=start, end=end, step=step)
        return [
            (series["metric"], [(at, float(value)) for at, value in series["values"]])
            for series in found["result"]
        ]

    def number(self, expr, at=None):
        """Return the only value of an instant query."""
        ((_, value),) = self.query(expr, at)
        return value

    def label_values(self, series, label):
        return self._get(f"label/{label}/values", **{"match[]": series})

    def rules(self):
        """Return every rule, by its name."""
        groups = self._get("rules")["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}

    def now(self):
        return self.number("time()")

    @staticmethod
    def _vector(data):
        return (
            [{"metric": {}, "value": data["result"]}]
            if data["resultType"] == "scalar"
            else data["result"]
        )

    def _is_ready(self):
        assert self._process.poll() is None, Path(self._log.name).read_text()
        try:
            with urllib.request.urlopen(f"http://{self._address}/-/ready") as answer:
                return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False

    def _get(self, path, **arguments):
        encoded = urllib.parse.urlencode(arguments)
        try:
            with urllib.request.urlopen(
                f"http://{self._address}/api/v1/{path}?{encoded}"
            ) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{arguments}: {error.read().decode()}") from None
