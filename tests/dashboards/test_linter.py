"""The dashboards keep the linter's rules, and each rule catches a dashboard that breaks it."""

import copy

import pytest

from tests.dashboards import linter
from tests.dashboards.committed import DASHBOARDS

SELECTOR = 'aurora_connection_opens_total{job=~"$job", instance=~"$instance"}'
BUCKETS = 'aurora_failover_detection_duration_seconds_bucket{job=~"$job", instance=~"$instance"}'
FAILOVERS = 'aurora_failovers_total{job=~"$job", instance=~"$instance"}'


@pytest.mark.parametrize("rule", linter.RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_a_dashboard_keeps_the_rule(dashboard, rule):
    assert list(rule(dashboard)) == []


def first_panel(dashboard):
    return next(panel for panel in dashboard["panels"] if panel["type"] != "row")


def variable(dashboard, name):
    return next(one for one in dashboard["templating"]["list"] if one["name"] == name)


def without_variable(name):
    def breaks(dashboard):
        dashboard["templating"]["list"].remove(variable(dashboard, name))

    return breaks


def of_variable(name, key, value):
    return lambda dashboard: variable(dashboard, name).update({key: value})


def of_panel(key, value):
    return lambda dashboard: first_panel(dashboard).update({key: value})


def of_field(key, value):
    return lambda dashboard: first_panel(dashboard)["fieldConfig"]["defaults"].update({key: value})


def of_target(key, value):
    return lambda dashboard: first_panel(dashboard)["targets"][0].update({key: value})


def asks(expr):
    return of_target("expr", expr)


def of_annotation(key, value):
    return lambda dashboard: dashboard["annotations"]["list"][0].update({key: value})


OTHER = {"type": "prometheus", "uid": "P1809F7CD0C75ACF3"}

BREAKS = [
    (linter.template_datasource_rule, without_variable("datasource")),
    (linter.template_datasource_rule, of_variable("datasource", "label", "source")),
    (linter.template_datasource_rule, of_variable("datasource", "query", "loki")),
    *(
        (rule, breaks)
        for rule, name in (
            (linter.template_job_rule, "job"),
            (linter.template_instance_rule, "instance"),
            (linter.template_cluster_rule, "cluster"),
        )
        for breaks in (
            without_variable(name),
            of_variable(name, "label", "Something"),
            of_variable(name, "multi", value=False),
            of_variable(name, "allValue", ".*"),
            of_variable(name, "datasource", OTHER),
            of_variable(name, "type", "custom"),
        )
    ),
    (linter.template_label_promql_rule, of_variable("job", "query", "values(up, job)")),
    (linter.template_on_time_change_reload_rule, of_variable("job", "refresh", 1)),
    (linter.panel_datasource_rule, of_panel("datasource", OTHER)),
    (linter.panel_datasource_rule, of_target("datasource", OTHER)),
    (linter.panel_datasource_rule, of_annotation("datasource", OTHER)),
    (linter.panel_title_description_rule, of_panel("title", "")),
    (linter.panel_title_description_rule, of_panel("description", "")),
    (linter.panel_units_rule, of_field("unit", "")),
    (linter.panel_units_rule, of_field("unit", "connections")),
    (linter.panel_no_targets_rule, of_panel("targets", [])),
    (linter.target_rate_interval_rule, asks(f"sum(rate({SELECTOR}[5m]))")),
    (linter.target_rate_interval_rule, asks(f"sum(rate({SELECTOR}[$__range]))")),
    (linter.target_rate_interval_rule, asks(f"sum(increase({SELECTOR}[5m]))")),
    (linter.target_rate_interval_rule, of_annotation("expr", f"increase({SELECTOR}[5m])")),
    (linter.target_job_rule, asks('aurora_connection_count{instance=~"$instance"}')),
    (linter.target_job_rule, asks("aurora_connection_count")),
    (linter.target_job_rule, asks("sum by (aurora_instance_id) (aurora_connection_count)")),
    (linter.target_instance_rule, asks('aurora_connection_count{job=~"$job"}')),
    (linter.target_instance_rule, asks('a_b{job=~"$job", aurora_instance=~"$instance"}')),
    (linter.target_counter_agg_rule, asks(f"sum({SELECTOR})")),
    (linter.target_counter_agg_rule, asks(f"max_over_time({SELECTOR}[$__range])")),
    (linter.target_histogram_rule, asks(f"sum by (le) ({BUCKETS})")),
    (linter.uneditable_dashboard_rule, lambda dashboard: dashboard.update(editable=True)),
    (linter.panel_thresholds_rule, of_field("thresholds", {"mode": "absolute", "steps": []})),
    (
        linter.panel_thresholds_rule,
        of_field("thresholds", {"steps": [{"value": None}, {"value": 2}, {"value": 1}]}),
    ),
    (linter.panel_empty_state_rule, of_field("noValue", "")),
    (linter.panel_advice_rule, of_panel("description", "Open connections.")),
    (linter.failovers_are_a_maximum_rule, asks(f"sum(increase({FAILOVERS}[$__range]))")),
    (
        linter.failovers_are_a_maximum_rule,
        asks(f"sum by (aurora_cluster_id) (increase({FAILOVERS}[$__range]))"),
    ),
    (
        linter.rare_quantiles_rule,
        asks(f"histogram_quantile(0.9, sum by (le) (rate({BUCKETS}[$__rate_interval])))"),
    ),
]


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
@pytest.mark.parametrize(
    ("rule", "breaks"),
    BREAKS,
    ids=[f"{rule.__name__}-{number}" for number, (rule, _) in enumerate(BREAKS)],
)
def test_a_rule_catches_a_dashboard_that_breaks_it(dashboard, rule, breaks):
    broken = copy.deepcopy(dashboard)
    breaks(broken)
    assert list(rule(broken))


def test_every_rule_is_shown_to_catch_something():
    assert {rule for rule, _ in BREAKS} == set(linter.RULES)
