"""Every expression, executed by a real Prometheus that scraped services through real failovers."""

import pytest

from tests.dashboards import committed
from tests.dashboards.committed import substitute

EXPRESSIONS = list(committed.expressions())


def named(expression):
    return f"{expression.dashboard}: {expression.title}"


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=named)
def test_every_expression_of_a_panel_or_annotation_returns_data(run, expression):
    found = run.prometheus.values(substitute(expression.text), run.start, run.end)
    assert found


@pytest.mark.parametrize("expression", [one for one in EXPRESSIONS if one.instant], ids=named)
def test_every_figure_has_a_value_when_all_is_over(run, expression):
    found = run.prometheus.query(substitute(expression.text), run.end)
    assert found or expression.title == "Processes with connections to the wrong instance"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("job", {"shop", "reports", "audit", "billing"}),
        ("cluster", {"lab"}),
        ("instance", 5),
    ],
)
def test_the_variables_offer_what_there_is(run, name, values):
    asked = [one for one in committed.variables() if one[1] == name]
    assert len(asked) == len(committed.DASHBOARDS)
    for _, _, series, label in asked:
        found = run.prometheus.label_values(substitute(series), label)
        assert (len(found) if isinstance(values, int) else set(found)) == values


def test_every_rule_is_healthy(run):
    rules = run.prometheus.rules()
    assert {rule["health"] for rule in rules.values()} == {"ok"}
    assert len(rules) == len(committed.ALERTS) + len(committed.RECORDINGS)


@pytest.mark.parametrize("rule", committed.RECORDINGS, ids=lambda rule: rule["record"])
def test_every_recording_rule_records(run, rule):
    assert run.prometheus.query(rule["expr"], run.end)
    assert run.prometheus.query(rule["record"], run.end)


# What this run is too short for, or does not suffer: promtool's tests show that these can fire.
UNHARMED = {
    "AuroraTopologyRefreshFailing",
    "AuroraConnectionsLeaked",
    "AuroraAgentSilent",
    "AuroraAgentMissing",
    "AuroraConnectsFailing",
    "AuroraAgentOutdated",
    "AuroraPoolWaitsLong",
}
# One of the services only observes, from the beginning on.
ALWAYS = {"AuroraAgentObserves"}


@pytest.mark.parametrize("rule", committed.ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_matches_what_it_is_about_and_nothing_else(run, rule):
    found = run.prometheus.values(rule["expr"], run.start, run.end)
    assert bool(found) == (rule["alert"] not in UNHARMED)
    assert bool(run.prometheus.query(rule["expr"], run.calm)) == (rule["alert"] in ALWAYS)
