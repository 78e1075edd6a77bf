"""The rules: what promtool says of them, when each alert fires, and what it says."""

import re
import subprocess

import pytest
import yaml

from aurora_otel.dashboards.files import RUNBOOKS
from tests.dashboards import alert_cases, fleet_cases
from tests.dashboards.alert_cases import Fires, Quiet
from tests.dashboards.committed import ALERTS, DASHBOARDS, DIRECTORY, RECORDINGS, panels
from tests.support.prometheus import RULES, tool

CASES = (*alert_cases.CASES, *fleet_cases.CASES)
RUNBOOK = DIRECTORY.parent / "docs" / "runbooks.md"
BY_NAME = {rule["alert"]: rule for rule in ALERTS}


def promtool(*arguments):
    return subprocess.run(
        [tool("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def unit_test(case):
    """The case as promtool reads it; descriptions and links are the rule's own."""
    expected = []
    if isinstance(case, Fires):
        annotations = BY_NAME[case.alert]["annotations"] | {"summary": case.summary}
        expected = [{"exp_labels": case.labels, "exp_annotations": annotations}]
    moments = [case.at] if isinstance(case, Fires) else case.at
    return {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": series, "values": values} for series, values in case.series.items()
                ],
                "alert_rule_test": [
                    {"eval_time": at, "alertname": case.alert, "exp_alerts": expected}
                    for at in moments
                ],
            }
        ],
    }


def test_promtool_finds_no_fault():
    found = promtool("check", "rules", RULES)
    assert found.returncode == 0, found.stderr
    assert f"{len(ALERTS) + len(RECORDINGS)} rules found" in found.stdout


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.why}")
def test_an_alert_fires_when_it_should_and_only_then(case, tmp_path):
    file = tmp_path / "case.yml"
    file.write_text(yaml.safe_dump(unit_test(case)))
    found = promtool("test", "rules", file)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("alert", BY_NAME)
def test_every_alert_is_seen_firing_and_staying_quiet(alert):
    kinds = {type(case) for case in CASES if case.alert == alert}
    assert kinds == {Fires, Quiet}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_says_how_bad_it_is_what_it_means_and_what_to_do(rule):
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    annotations = rule["annotations"]
    # Short enough for a telephone in the dark, and a whole sentence.
    shown = re.sub(r"{{.*?}}", "x" * 8, annotations["summary"])
    assert len(shown) <= 120
    assert shown.endswith(".")
    assert annotations["description"].endswith(".")
    assert annotations["runbook_url"].startswith(f"{RUNBOOKS}#")


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_runbook_exists_and_says_when_it_is_over(rule):
    sections = re.split(r"^## ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    by_anchor = {section.split("\n", 1)[0].lower(): section for section in sections}
    section = by_anchor[rule["annotations"]["runbook_url"].rpartition("#")[2]]
    assert f"**{rule['labels']['severity'].capitalize()}.**" in section
    assert "\n1. " in section
    assert "*It is over when*" in section


def test_no_runbook_is_left_of_an_alert_that_is_gone():
    headings = re.findall(r"^## (\w+)$", RUNBOOK.read_text(), flags=re.MULTILINE)
    assert headings == [rule["alert"] for rule in ALERTS]


def test_runbooks_and_descriptions_name_panels_that_exist():
    titles = {panel["title"] for board in DASHBOARDS.values() for _, panel in panels(board)}
    titles |= {board["title"] for board in DASHBOARDS.values()}
    named = set(re.findall(r"\*([A-Z][\w ,-]+)\*[;.]? ", RUNBOOK.read_text()))
    spoken = {"It is over when", "Critical", "Why it can happen"}
    assert named - spoken <= titles
