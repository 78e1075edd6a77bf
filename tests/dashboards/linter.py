"""The rules of Grafana's dashboard-linter, for dashboards as JSON.

Names and contents follow https://github.com/grafana/dashboard-linter/tree/main/docs/rules and the
code beside it; where they differ from version to version, the stricter holds. Each rule is a
function from a dashboard to the complaints about it. Rules of our own come after them.
"""

import re

UNITS = {"none", "short", "s", "cps", "percentunit"}  # of Grafana's long list, what is used here
DATA_SOURCE = "${datasource}"

# A selector with its range, if it has one, as in `name{job="x"}[5m]`.
SELECTOR = re.compile(r"(?<![\w:])([a-z_:][\w:]*)(\{[^}]*\})(\[[^\]]+\])?")


def _variables(dashboard):
    return {one["name"]: one for one in dashboard["templating"]["list"]}


def _panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def _targets(dashboard):
    """Every expression, of annotations too, and where it stands."""
    for panel in _panels(dashboard):
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def _selectors(expr):
    """Every selector: the calls that it stands in, innermost last, its name, matchers and range."""
    for found in SELECTOR.finditer(expr):
        calls = []
        for character in re.finditer(r"(\w+)?\s*\(|\)", expr[: found.start()]):
            if character[0] == ")":
                calls.pop()
            else:
                calls.append(character[1] or "")
        yield calls, found[1], found[2], found[3]


def template_datasource_rule(dashboard):
    # Traces and logs have data sources of their own, which links name.
    found = [
        one
        for one in dashboard["templating"]["list"]
        if one["type"] == "datasource" and one["name"] not in {"traces", "logs"}
    ]
    if [(one["name"], one["label"], one["query"]) for one in found] != [
        ("datasource", "Data source", "prometheus")
    ]:
        yield "no variable 'datasource', labelled 'Data source', of type prometheus"


def _template(dashboard, name):
    variable = _variables(dashboard).get(name)
    if variable is None:
        yield f"no variable '{name}'"
        return
    if variable["type"] != "query" or variable["datasource"]["uid"] != DATA_SOURCE:
        yield f"variable '{name}' does not ask the chosen data source"
    if variable["label"] != name.capitalize():
        yield f"variable '{name}' is not labelled '{name.capitalize()}'"
    if not variable.get("multi") or variable.get("allValue") != ".+":
        yield f"variable '{name}' does not allow several values, with '.+' for all"


def template_job_rule(dashboard):
    yield from _template(dashboard, "job")


def template_instance_rule(dashboard):
    yield from _template(dashboard, "instance")


def template_cluster_rule(dashboard):
    """Of our own: the cluster can be chosen as job and instance can."""
    yield from _template(dashboard, "cluster")


def template_label_promql_rule(dashboard):
    for name, variable in _variables(dashboard).items():
        if variable["type"] == "query" and not re.fullmatch(
            r"label_values\([a-z_]+(\{.*\})?, [a-z_]+\)", variable["query"]
        ):
            yield f"variable '{name}' has no proper query"


def template_on_time_change_reload_rule(dashboard):
    for name, variable in _variables(dashboard).items():
        if variable["type"] == "query" and variable["refresh"] != 2:
            yield f"variable '{name}' is not refreshed when the time range changes"


def panel_datasource_rule(dashboard):
    for panel in _panels(dashboard):
        sources = [panel, *panel["targets"]]
        if any(one.get("datasource", {}).get("uid") != DATA_SOURCE for one in sources):
            yield f"panel '{panel['title']}' does not ask the chosen data source"
    for annotation in dashboard["annotations"]["list"]:
        if annotation["datasource"]["uid"] != DATA_SOURCE:
            yield f"annotation '{annotation['name']}' does not ask the chosen data source"


def panel_title_description_rule(dashboard):
    for panel in _panels(dashboard):
        if not panel.get("title") or not panel.get("description"):
            yield f"panel {panel['id']} has no title or no description"


def panel_units_rule(dashboard):
    for panel in _panels(dashboard):
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            yield f"panel '{panel['title']}' has no unit, or none that is known"


def panel_no_targets_rule(dashboard):
    for panel in _panels(dashboard):
        if not panel.get("targets"):
            yield f"panel '{panel['title']}' asks nothing"


def target_rate_interval_rule(dashboard):
    """Stricter than the original: no range is a number, what is not a rate may be $__range."""
    for title, expr in _targets(dashboard):
        for calls, name, _, window in _selectors(expr):
            allowed = {"[$__rate_interval]"}
            if calls and calls[-1] not in {"rate", "irate"}:
                allowed.add("[$__range]")
            if window and window not in allowed:
                yield f"'{title}' reads {name} over {window}, not over $__rate_interval"


def target_job_rule(dashboard):
    yield from _matched(dashboard, 'job=~"$job"')


def target_instance_rule(dashboard):
    yield from _matched(dashboard, 'instance=~"$instance"')


def _matched(dashboard, matcher):
    for title, expr in _targets(dashboard):
        for _, name, matchers, _ in _selectors(expr):
            if matcher not in re.split(r"[{}, ]+", matchers):
                yield f"'{title}' asks for {name} without {matcher}"
        bare = _without_selectors(expr)
        if left := set(re.findall(r"\b(?:aurora|db)_\w+_\w+\b", bare)):
            yield f"'{title}' asks for {', '.join(left)} without any matcher"


def _without_selectors(expr):
    """The expression without its selectors, and without lists of labels."""
    return re.sub(r"\b(by|on|without|ignoring|group_left) \([^)]*\)", "", SELECTOR.sub("", expr))


# `increase` does not see the event that a series is born with: what is new counts as it is.
FROM_BIRTH = re.compile(r"\((\w+{[^}]*}) unless \1 offset (\S+)\) or (increase\(\1\[\2\]\))")


def target_counter_agg_rule(dashboard):
    for title, expr in _targets(dashboard):
        for calls, name, _, window in _selectors(FROM_BIRTH.sub(r"\3", expr)):
            inside = bool(calls) and calls[-1] in {"rate", "irate", "increase"}
            if name.endswith("_total") and not (window and inside):
                yield f"'{title}' takes the counter {name} as it is"


def target_histogram_rule(dashboard):
    for title, expr in _targets(dashboard):
        for calls, name, _, _ in _selectors(expr):
            if name.endswith("_bucket") and "histogram_quantile" not in calls:
                yield f"'{title}' takes the buckets {name} as they are"


def uneditable_dashboard_rule(dashboard):
    if dashboard["editable"] is not False:
        yield "it can be edited"


def panel_thresholds_rule(dashboard):
    """Of our own: every panel has thresholds, which grow from the lowest possible value."""
    for panel in _panels(dashboard):
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps") or [
            {"value": 0}
        ]
        values = [step["value"] for step in steps]
        if values[0] is not None or values[1:] != sorted(values[1:]):
            yield f"panel '{panel['title']}' has no sane thresholds"


def panel_empty_state_rule(dashboard):
    """Of our own: every panel says why there may be nothing to show."""
    for panel in _panels(dashboard):
        if not panel["fieldConfig"]["defaults"].get("noValue"):
            yield f"panel '{panel['title']}' says nothing when there is nothing to show"


def panel_advice_rule(dashboard):
    """Of our own: a description is more than its title again."""
    for panel in _panels(dashboard):
        if len(panel.get("description", "").split()) < 15:
            yield f"panel '{panel['title']}' does not say what to do about it"


def failovers_are_a_maximum_rule(dashboard):
    """Our own: every process counts the same failover, so processes are never added up.

    A sum that keeps the processes apart is fine, and so is one over processes by symptom.
    """
    for title, expr in _targets(dashboard):
        for part in re.findall(
            r"\b(sum|max)(?: by \(([^)]*)\))? ?\(increase\(aurora_failovers_total", expr
        ):
            labels = set(re.split(", ", part[1]))
            if part[0] == "sum" and not labels & {"instance", "aurora_failover_symptom"}:
                yield f"'{title}' adds up failovers over processes"


def rare_quantiles_rule(dashboard):
    """Of our own: a quantile over the rate of something rare is NaN."""
    for title, expr in _targets(dashboard):
        for calls, name, _, window in _selectors(expr):
            if name.endswith("_bucket") and (window or "rate" in calls):
                yield f"'{title}' takes a quantile of {name} over a rate"


RULES = [
    template_datasource_rule,
    template_job_rule,
    template_instance_rule,
    template_cluster_rule,
    template_label_promql_rule,
    template_on_time_change_reload_rule,
    panel_datasource_rule,
    panel_title_description_rule,
    panel_units_rule,
    panel_no_targets_rule,
    target_rate_interval_rule,
    target_job_rule,
    target_instance_rule,
    target_counter_agg_rule,
    target_histogram_rule,
    uneditable_dashboard_rule,
    panel_thresholds_rule,
    panel_empty_state_rule,
    panel_advice_rule,
    failovers_are_a_maximum_rule,
    rare_quantiles_rule,
]
