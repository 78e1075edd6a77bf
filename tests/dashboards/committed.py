"""The committed dashboards and rules, and the expressions in them."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import yaml

DIRECTORY = Path(__file__).parents[2] / "dashboards"
DASHBOARDS = {
    file.stem: json.loads(file.read_text())
    for file in sorted((DIRECTORY / "grafana" / "dashboards").glob("*.json"))
}
RULES = yaml.safe_load((DIRECTORY / "prometheus" / "aurora.rules.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
RECORDINGS = [rule for group in RULES["groups"] for rule in group["rules"] if "record" in rule]

# What the variables stand for when everything is chosen.
VARIABLES = {"$job": ".+", "$instance": ".+", "$cluster": ".+"}


class Expression(NamedTuple):
    """One query of a panel or an annotation."""

    dashboard: str
    title: str
    row: str
    text: str
    instant: bool


def panels(dashboard):
    """Every panel that is no row, with the title of its row."""
    row = ""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        else:
            yield row, panel


def expressions():
    for uid, dashboard in DASHBOARDS.items():
        for row, panel in panels(dashboard):
            for target in panel["targets"]:
                instant = target.get("instant", False)
                yield Expression(uid, panel["title"], row, target["expr"], instant)
        for annotation in dashboard["annotations"]["list"]:
            yield Expression(uid, annotation["name"], "", annotation["expr"], instant=False)


def variables():
    """Every variable that asks Prometheus: dashboard, name, series and label."""
    for uid, dashboard in DASHBOARDS.items():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                series, label = re.fullmatch(
                    r"label_values\((.+), (\w+)\)", variable["query"]
                ).groups()
                yield uid, variable["name"], series, label


def substitute(expr, *, interval="8s", step="", span="5m", **chosen):
    """What Grafana makes of an expression."""
    expr = expr.replace("$__interval", step or interval)
    for name, value in (VARIABLES | {f"${key}": value for key, value in chosen.items()}).items():
        expr = expr.replace(name, value)
    return expr.replace("$__rate_interval", interval).replace("$__range", span)
