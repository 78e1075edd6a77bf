"""How telemetry is exported: configurations parse and hold together, figures are the code's."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from aurora_otel.telemetry import agent_names, names, pool_metrics, prometheus
from tests.docs.fleet import Process
from tests.support.prometheus import tool

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "docs" / "exporting.md", ROOT / "docs" / "many-processes.md")
PACKAGED = ROOT / "dashboards" / "prometheus" / "prometheus.yml"
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
BLOCKS = re.findall(r"^```yaml\n# (.+?)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"
PROCESSES = 10_000
SECONDS = 60


def blocks(kind):
    return [body for name, body in BLOCKS if name == kind]


def promtool(tmp_path, check, body, *others):
    file = tmp_path / "file.yml"
    file.write_text(body)
    for other in others:
        (tmp_path / other).write_text("groups: []\n")
    done = subprocess.run(
        [tool("promtool"), "check", check, file], check=False, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_every_yaml_block_says_what_it_is_and_parses():
    assert len(BLOCKS) == TEXT.count("```yaml")
    assert {name for name, _ in BLOCKS} == {
        "collector: prometheus",
        "collector: aws",
        "collector: fragment",
        "prometheus: scrape",
        "prometheus: otlp",
        "prometheus: rules",
        "prometheus: remote write",
    }
    assert all(isinstance(yaml.safe_load(body), dict) for _, body in BLOCKS)


@pytest.mark.parametrize("kind", ["collector: prometheus", "collector: aws"])
def test_a_collector_uses_all_that_it_configures_and_nothing_else(kind):
    (body,) = blocks(kind)
    config = yaml.safe_load(body)
    pipelines = config["service"]["pipelines"]
    assert set(pipelines) == {"metrics", "traces", "logs"}
    for part in ("receivers", "processors", "exporters"):
        used = {name for pipeline in pipelines.values() for name in pipeline[part]}
        assert used == set(config[part])
    for pipeline in pipelines.values():
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1].startswith("batch")


def test_a_fragment_names_the_extension_that_it_authenticates_with():
    fragments = [yaml.safe_load(body) for body in blocks("collector: fragment")]
    signed = [one for one in fragments if "extensions" in one]
    assert len(signed) == 2
    for one in signed:
        (exporter,) = one["exporters"].values()
        assert [exporter["auth"]["authenticator"]] == one["service"]["extensions"]
        assert one["service"]["extensions"] == list(one["extensions"])


@pytest.mark.parametrize("kind", ["prometheus: scrape", "prometheus: remote write"])
def test_prometheus_takes_its_configuration(kind, tmp_path):
    (body,) = blocks(kind)
    status, output = promtool(tmp_path, "config", body, "aurora.rules.yml", "fleet.rules.yml")
    assert status == 0, output


def test_prometheus_is_configured_as_the_package_writes_out():
    (body,) = blocks("prometheus: scrape")
    assert yaml.safe_load(body) == yaml.safe_load(PACKAGED.read_text(encoding="utf-8"))


def test_prometheus_takes_the_rules(tmp_path):
    (body,) = blocks("prometheus: rules")
    status, output = promtool(tmp_path, "rules", body)
    assert status == 0, output


def test_a_rule_that_is_wrong_is_noticed(tmp_path):
    (body,) = blocks("prometheus: rules")
    assert promtool(tmp_path, "rules", body.replace("sum by (", "sum by ", 1))[0] != 0


def test_what_is_sent_on_is_what_the_rules_record():
    (rules,), (writing,) = blocks("prometheus: rules"), blocks("prometheus: remote write")
    recorded = [
        rule["record"] for group in yaml.safe_load(rules)["groups"] for rule in group["rules"]
    ]
    ((relabel,),) = (
        one["write_relabel_configs"] for one in yaml.safe_load(writing)["remote_write"]
    )
    assert all(re.fullmatch(relabel["regex"], name) for name in recorded)
    assert not any(re.fullmatch(relabel["regex"], name) for name in on_prometheus())


def on_prometheus():
    metrics = [*names.METRICS, *agent_names.METRICS, *pool_metrics.METRICS]
    return {
        name
        for metric in metrics
        for name in (
            prometheus.metric_name(metric),
            prometheus.bucket(metric),
            prometheus.count(metric),
        )
    }


def test_every_name_in_the_documents_is_one_that_is_emitted():
    emitted = {metric.name for metric in (*names.METRICS, *agent_names.METRICS)}
    attributes = {each.name for each in (*names.ATTRIBUTES, *agent_names.ATTRIBUTES)}
    dotted = set(re.findall(r"\baurora(?:\.[a-z_]+)+", TEXT))
    assert dotted - {"aurora.rules.yml"} <= emitted | attributes
    labels = {prometheus.label(name) for name in attributes}
    (rules,) = blocks("prometheus: rules")
    queried = "\n".join(
        rule["expr"] for group in yaml.safe_load(rules)["groups"] for rule in group["rules"]
    )
    assert set(re.findall(r"\baurora_[a-z_]+", queried)) <= on_prometheus() | labels


def test_every_selector_of_cloudwatch_meets_a_metric():
    (body,) = blocks("collector: aws")
    declared = yaml.safe_load(body)["exporters"]["awsemf"]["metric_declarations"]
    selectors = [one for declaration in declared for one in declaration["metric_name_selectors"]]
    for selector in selectors:
        assert any(re.search(selector, metric.name) for metric in names.METRICS), selector


@pytest.mark.parametrize("instances", [3, 16])
def test_the_figures_are_what_a_process_exports(instances):
    process = Process(instances)
    at_first = sum(process.series().values())
    process.fail_over()
    later = sum(process.series().values())
    plain, compressed = process.export()
    (row,) = re.findall(
        rf"^\| {instances} \| (\d+) \| (\d+) \| (.+) kB \| (.+) kB \|$", TEXT, re.MULTILINE
    )
    assert (int(row[0]), int(row[1])) == (at_first, later)
    assert (float(row[2]), float(row[3])) == pytest.approx(
        (plain / 1000, compressed / 1000), rel=0.1
    )
    assert f"{later} {TIMES} 10,000 = {later * PROCESSES:,}" in TEXT
    assert f"{later * PROCESSES:,} / 60 = {later * PROCESSES // SECONDS:,}" in TEXT
    assert f"{later * PROCESSES * 4096 / 2**30:.1f} GiB" in TEXT
    assert f"{later * PROCESSES / SECONDS * 86_400 * 15 * 1.5 / 1e9:.0f} GB" in TEXT
    megabytes = [float(size) * PROCESSES / SECONDS / 1000 for size in row[2:]]
    assert "{:.1f} / {:.1f} MB/s".format(*megabytes) in TEXT


def test_what_an_instance_and_a_cluster_add_is_said():
    few, more = Process(3).series(), Process(4).series()
    assert sum(more.values()) - sum(few.values()) == 16
    assert few[names.FAILOVERS.name] == 7
    assert few[names.STRAIGHT.name] == 3
    assert (few[names.EVENTS.name], few[names.DISAGREEMENTS.name]) == (5, 1)
    assert few[names.REFRESH.name] == 19
    assert few[names.OPEN_DURATION.name] == 9
    process = Process(16)
    process.fail_over()
    series = process.series()
    assert (series[names.INVALIDATIONS.name], series[names.PRUNES.name]) == (96, 48)
    assert series[names.LIFETIME.name] == 14
    folded = sum(series.values()) - (96 - 6) - (48 - 3)
    assert f"367 {MINUS} 135 = {folded} a process, {folded * PROCESSES:,} in all" in TEXT
