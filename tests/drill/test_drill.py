"""`aurora-otel drill`, whole: a real process, a real boto3, a real cluster that fails over."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from moto.backends import get_backend

from aurora_otel.drill.rehearsal import IDLE, WRITERS
from tests.support.rds_api import ACCOUNT, REGION

SHORT = ("--yes", "--before", "2", "--after", "5")
DOCUMENT = Path(__file__).parents[2] / "docs/roll-out.md"


def documented_actions() -> set[str]:
    """The IAM actions that the documents ask for."""
    policies = re.findall(r"^```json\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    statements = [each for policy in policies for each in json.loads(policy)["Statement"]]
    (statement,) = [each for each in statements if each["Sid"] == "AuroraOtelDrill"]
    return set(statement["Action"])


def test_a_drill_fails_the_cluster_over_and_reports_what_the_lab_did(drill, modest, tmp_path):
    page = tmp_path / "report.html"
    old = drill.cluster.writer
    drill.plane.does.allowed = documented_actions()
    drill.plane.hooks["FailoverDBCluster"] = drill.fail_over_and_notify
    figures, switch = drill.rehearse(*SHORT, "--report", str(page), dsn=modest)
    assert drill.plane.calls["FailoverDBCluster"] == 1
    assert (figures["old_writer"], figures["new_writer"]) == (old, drill.target)
    assert (switch.old_writer, switch.new_writer) == (old, drill.target)
    assert figures["kept"]
    assert figures["failovers"] == 1
    assert figures["sessions_on_old_writer"] == 0

    # Seen from outside, by polling: never earlier than it was, and not much later.
    published = switch.published - switch.began
    assert published <= figures["seconds_to_published"] < published + 10
    assert figures["seconds_to_first_clean_write"] >= figures["seconds_to_published"]
    assert figures["seconds_without_a_write"] > 0
    assert figures["verdict_seconds"] >= published
    # All that the workload holds; its fresh connection may be open, too.
    assert figures["invalidated"] - (WRITERS + IDLE) in (0, 1)
    assert figures["symptoms"] == ["read_only"]

    text = page.read_text(encoding="utf-8")
    assert f"the writer changed from {old} to {drill.target}" in text
    shown = re.search(r'data-figure="drill.seconds_to_published" value="([^"]+)"', text)
    assert json.loads(shown[1]) == figures["seconds_to_published"]
    assert drill.cluster.password not in text
    assert [event["message"] for event in figures["events"]] == drill.messages
    assert all(f"RDS: {message}" in text for message in drill.messages)


def test_a_drill_on_mysql_reports_what_the_lab_did(mysql_drill):
    figures, switch = mysql_drill.rehearse(*SHORT, **mysql_drill.writers)
    assert (figures["old_writer"], figures["new_writer"]) == (switch.old_writer, switch.new_writer)
    assert figures["seconds_to_published"] >= switch.published - switch.began
    assert figures["invalidated"] - (WRITERS + IDLE) in (0, 1)


def test_a_drill_says_what_kind_of_cluster_it_sees_and_fails_over_that(multi_az_drill):
    asked = multi_az_drill.run("--target", multi_az_drill.target)
    assert asked.returncode == 2
    assert "kind of cluster: multi-az" in " ".join(asked.stdout.split())
    figures, switch = multi_az_drill.rehearse(*SHORT, **multi_az_drill.writers)
    assert (figures["old_writer"], figures["new_writer"]) == (switch.old_writer, switch.new_writer)
    assert (figures["failovers"], figures["sessions_on_old_writer"]) == (1, 0)


def test_a_failover_that_does_not_take_place_is_a_failure(drill):
    drill.plane.hooks.clear()
    done = drill.run(*SHORT, "--timeout", "2", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["took_place"] is False
    assert f"{drill.cluster.writer} still is the writer" in done.stderr


def test_without_a_confirmation_nothing_is_done(drill):
    done = drill.run()
    assert done.returncode == 2
    assert f"This fails over the cluster {drill.cluster.name}" in done.stdout
    assert "kind of cluster: aurora" in " ".join(done.stdout.split())
    assert drill.plane.calls["FailoverDBCluster"] == 0


def test_ctrl_c_before_the_failover_leaves_everything_as_it_was(drill):
    process = drill.start("--yes", "--before", "60")
    assert any("healthy" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    assert drill.end(process).returncode == 130
    assert drill.plane.calls["FailoverDBCluster"] == 0


def test_what_rds_refuses_ends_the_drill(drill):
    drill.plane.does.allowed = {"rds:DescribeDBClusters"}
    done = drill.run(*SHORT)
    assert done.returncode == 2
    assert "Allow rds:FailoverDBCluster" in done.stdout


def test_a_target_that_is_no_reader_is_refused(drill):
    done = drill.run("--yes", "--target", drill.cluster.writer)
    assert done.returncode == 2
    assert all(reader in done.stdout for reader in drill.cluster.readers)


def test_an_endpoint_that_does_not_lead_to_the_writer_is_refused(drill):
    done = drill.run("--yes", dsn=drill.cluster.dsn("reader"))
    assert done.returncode == 2
    assert "give its writer endpoint" in done.stdout
    assert drill.plane.calls["FailoverDBCluster"] == 0


def test_a_login_that_is_refused_ends_the_drill(drill):
    done = drill.run("--yes", dsn=drill.cluster.dsn("writer", password="canary"))
    assert done.returncode == 2
    assert "user or password" in done.stdout
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("attribute", "value", "words"),
    [("status", "upgrading", "is upgrading, not available"), ("members", 1, "has no reader")],
)
def test_a_cluster_that_is_not_fit_for_it_is_refused(drill, monkeypatch, attribute, value, words):
    shown = get_backend("rds")[ACCOUNT][REGION].clusters[drill.cluster.name]
    if attribute == "members":
        writers = [each for each in shown.members if each.is_cluster_writer]
        monkeypatch.setattr(type(shown), attribute, property(lambda _: writers))
    else:
        monkeypatch.setattr(shown, attribute, value)
    done = drill.run("--yes")
    assert done.returncode == 2
    assert words in done.stdout
    assert drill.plane.calls["FailoverDBCluster"] == 0
