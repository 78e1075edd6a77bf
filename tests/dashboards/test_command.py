"""`aurora-otel dashboards DIR`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aurora_otel import cli
from aurora_otel.dashboards import files
from tests.dashboards.committed import ALERTS, DASHBOARDS, DIRECTORY

RUNBOOKS = Path(files.__file__).parents[2] / "docs" / "runbooks.md"


def written(directory):
    return {
        str(file.relative_to(directory)): file.read_bytes()
        for file in directory.rglob("*")
        if file.is_file()
    }


def test_it_writes_dashboards_rules_provisioning_and_runbooks(tmp_path, capsys):
    out = tmp_path / "new" / "out"
    assert cli.main(["dashboards", str(out)]) == 0
    committed = written(DIRECTORY) | {"runbooks.md": RUNBOOKS.read_bytes()}
    assert written(out) == committed
    listed = capsys.readouterr().out.splitlines()
    assert sorted(listed) == sorted(str(out / name) for name in committed)


def test_what_it_wrote_before_is_replaced_and_what_others_wrote_stays(tmp_path):
    (tmp_path / "runbooks.md").write_text("old")
    (tmp_path / "mine").write_text("mine")
    assert cli.main(["dashboards", str(tmp_path)]) == 0
    assert (tmp_path / "runbooks.md").read_bytes() == RUNBOOKS.read_bytes()
    assert (tmp_path / "mine").read_text() == "mine"


def test_alerts_lead_to_the_runbooks_where_they_are(tmp_path):
    where = "https://wiki.example.com/aurora"
    assert cli.main(["dashboards", "--runbooks", where, str(tmp_path)]) == 0
    rules = yaml.safe_load((tmp_path / "prometheus" / "aurora.rules.yml").read_text())
    links = [
        rule["annotations"]["runbook_url"]
        for group in rules["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert links == [f"{where}#{rule['alert'].lower()}" for rule in ALERTS]


def test_panels_lead_to_the_runbooks_where_they_are(tmp_path):
    where = "https://wiki.example.com/aurora"
    assert cli.main(["dashboards", "--runbooks", where, str(tmp_path)]) == 0
    for uid in DASHBOARDS:
        text = (tmp_path / "grafana" / "dashboards" / f"{uid}.json").read_text()
        variables = {one["name"]: one for one in json.loads(text)["templating"]["list"]}
        assert variables["runbooks"]["query"] == where


@pytest.mark.parametrize(
    "where",
    ["runbooks", "file:///runbooks.md", "https://", "https://a b", "https://[", "https://a#b"],
)
def test_an_address_of_the_runbooks_that_is_none_is_refused(where, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["dashboards", "--runbooks", where, str(tmp_path / "out")])
    assert end.value.code == 2
    assert "must be an http or https URL" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_directory_that_cannot_be_written_is_one_clear_line(tmp_path, capsys):
    (tmp_path / "out").write_text("a file")
    assert cli.main(["dashboards", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("aurora-otel dashboards: ")
    assert str(tmp_path / "out") in line


def test_it_needs_nothing_of_what_builds_the_dashboards(tmp_path):
    program = (
        "import sys; sys.modules['grafana_foundation_sdk'] = sys.modules['yaml'] = None;"
        "from aurora_otel.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    subprocess.run(
        [sys.executable, "-c", program, "dashboards", str(tmp_path)],
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "grafana" / "dashboards" / "aurora-failover.json").exists()


def test_grafana_is_configured_with_the_folder_of_the_dashboards():
    provisioning = DIRECTORY / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "aurora.yaml").read_text())[
        "providers"
    ]
    place = provider["options"]["path"]
    compose = yaml.safe_load((DIRECTORY / "compose.yaml").read_text())["services"]
    mounts = dict(mount.split(":")[:2] for mount in compose["grafana"]["volumes"])
    assert mounts == {
        "./grafana/provisioning": "/etc/grafana/provisioning",
        "./grafana/dashboards": place,
    }
    for mount in mounts:
        assert (DIRECTORY / mount).is_dir()
    assert not provider["allowUiUpdates"]


def test_grafana_is_configured_with_the_prometheus_to_ask():
    provisioning = DIRECTORY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "aurora.yaml").read_text())[
        "datasources"
    ]
    assert source["type"] == "prometheus"
    assert source["isDefault"]
    compose = yaml.safe_load((DIRECTORY / "compose.yaml").read_text())["services"]
    assert source["url"] == "$PROMETHEUS_URL"
    assert compose["grafana"]["environment"]["PROMETHEUS_URL"] == "http://prometheus:9090"
    scrape = yaml.safe_load((DIRECTORY / "prometheus" / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"]
    for file in scrape["rule_files"]:
        assert (DIRECTORY / "prometheus" / file).exists()


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_a_dashboards_address_is_its_files_name(uid):
    assert DASHBOARDS[uid]["uid"] == uid
    assert json.dumps(DASHBOARDS[uid]).count("grafana.net") == 0
