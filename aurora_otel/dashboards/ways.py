"""The ways out of a panel: its runbook, and the traces and log records of what it shows."""

from __future__ import annotations

import json
from urllib.parse import quote

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from aurora_otel.dashboards.files import RUNBOOKS
from aurora_otel.telemetry import names

_TRACES, _LOGS, _RUNBOOKS = "traces", "logs", "runbooks"
# What a link may hold as it is: Grafana's variables among it.
_PLAIN = "${}:_"


def variables() -> list[Builder[models.VariableModel]]:
    """Return the variables that the ways need; each may be left empty."""
    return [
        builders.DatasourceVariable(_TRACES).label("Traces").type("tempo"),
        builders.DatasourceVariable(_LOGS).label("Logs").type("loki"),
        builders.TextBoxVariable(_RUNBOOKS)
        .label("Runbooks")
        .description("Where the page of runbooks is published")
        .default_value(RUNBOOKS),
    ]


def onward(alert: str) -> list[Builder[models.DashboardLink]]:
    """Return a panel's links.

    Args:
        alert: whose runbook is about the panel.
    """
    spans = " || ".join(f'name = "{span.name}"' for span in (names.FAILOVER, names.TRACK))
    return [
        _link("Runbook", f"${{{_RUNBOOKS}}}#{alert.lower()}"),
        _link(
            "Traces",
            _explore(
                _TRACES,
                queryType="traceql",
                query=f'{{ resource.service.name =~ "${{job:pipe}}" && ({spans}) }}',
            ),
        ),
        _link(
            "Logs",
            _explore(
                _LOGS,
                expr=f'{{service_name=~"${{job:pipe}}"}} | scope_name=`{names.LOGGER}`',
            ),
        ),
    ]


def _explore(source: str, **query: str) -> str:
    """Return the address of Grafana's *Explore*, for the shown time."""
    pane = {
        "datasource": f"${{{source}}}",
        "queries": [{"refId": "A", **query}],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    panes = quote(json.dumps({"a": pane}, separators=(",", ":")), safe=_PLAIN)
    return f"/explore?schemaVersion=1&panes={panes}"


def _link(title: str, url: str) -> builders.DashboardLink:
    return (
        builders.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .url(url)
        .target_blank(True)  # noqa: FBT003 - the SDK's
    )
