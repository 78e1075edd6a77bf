"""The committed files are what the code builds, and what Grafana's own model understands."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("grafana_foundation_sdk", reason="needs Python 3.11")

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from aurora_otel.dashboards import build, connections, promql
from aurora_otel.telemetry import agent_names, names, pool_metrics, prometheus
from tests.dashboards.committed import ALERTS, DASHBOARDS, DIRECTORY, expressions
from tests.dashboards.linter import SELECTOR

# What the SDK's model of an annotation lacks, and Grafana's Prometheus data source reads.
OF_PROMETHEUS = {"titleFormat", "textFormat", "tagKeys", "step"}


def test_what_is_committed_is_what_the_code_builds():
    built = build.render()
    for name, text in built.items():
        assert (DIRECTORY / name).read_text(encoding="utf-8") == text, "stale: run `make docs`"
    committed = {
        str(file.relative_to(DIRECTORY))
        for pattern in ("grafana/dashboards/*", "prometheus/*.rules.yml")
        for file in DIRECTORY.glob(pattern)
    }
    assert committed == built.keys()


def test_the_program_writes_what_the_code_builds(tmp_path):
    program = "aurora_otel.dashboards.build"
    subprocess.run([sys.executable, "-m", program, str(tmp_path)], check=True, timeout=60)
    written = {
        str(file.relative_to(tmp_path)): file.read_text(encoding="utf-8")
        for file in tmp_path.rglob("*")
        if file.is_file()
    }
    assert written == build.render()


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_the_sdks_model_understands_all_of_it(dashboard):
    register_default_plugins()
    loaded = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
    known = json.loads(json.dumps(dashboard))
    for annotation in known["annotations"]["list"]:
        assert annotation.keys() >= OF_PROMETHEUS
        for key in OF_PROMETHEUS:
            del annotation[key]
    assert loaded == known


@pytest.fixture
def renamed(monkeypatch):
    """A world in which every metric has another name."""
    original = prometheus.metric_name

    def metric_name(metric):
        return original(metric._replace(name=f"renamed.{metric.name}"))

    monkeypatch.setattr(prometheus, "metric_name", metric_name)
    monkeypatch.setattr(promql, "metric_name", metric_name)


def test_a_renamed_metric_is_renamed_in_the_panels(renamed):
    for panel in connections.build().panels:
        for target in getattr(panel, "targets", None) or ():
            assert "renamed_" in target.expr
            assert " aurora_connection" not in target.expr


@pytest.mark.parametrize("metric", names.METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_shown(metric):
    name = prometheus.metric_name(metric)
    assert any(name in one.text for one in expressions())


def test_every_pool_metric_that_says_how_a_pool_fares_is_shown():
    static = {pool_metrics.IDLE_MAX, pool_metrics.IDLE_MIN}
    for metric in set(pool_metrics.METRICS) - static:
        assert any(prometheus.metric_name(metric) in one.text for one in expressions())


def test_nothing_asks_for_a_metric_that_is_not_exported():
    metrics = {
        name
        for metric in (*names.METRICS, *pool_metrics.METRICS, *agent_names.METRICS)
        for name in (
            prometheus.metric_name(metric),
            prometheus.total(metric),
            prometheus.bucket(metric),
            prometheus.count(metric),
        )
    }
    asked = {found[1] for one in expressions() for found in SELECTOR.finditer(one.text)}
    assert asked <= metrics


def test_every_label_that_is_asked_for_is_one_that_the_metric_has():
    everywhere = {"job", "instance", prometheus.label(names.CLUSTER_ID)}
    labels = {
        prometheus.metric_name(metric): {prometheus.label(name) for name in metric.attributes}
        for metric in (*names.METRICS, *pool_metrics.METRICS)
    }
    texts = [one.text for one in expressions()] + [rule["expr"] for rule in ALERTS]
    for text in texts:
        for found in SELECTOR.finditer(text):
            name = found[1].removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
            known = labels.get(found[1]) or labels.get(name)
            asked = {part.split("=")[0].rstrip("!") for part in found[2].strip("{}").split(", ")}
            assert known is None or asked <= known | everywhere
