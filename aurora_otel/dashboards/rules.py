"""Recording and alerting rules for Prometheus, and for everything that takes its rules.

The alerts are few, and each has a runbook in `docs/runbooks.md`.
"""

from __future__ import annotations

import yaml

from aurora_otel.dashboards import alerts, fleet_alerts, pool_alerts
from aurora_otel.dashboards.recordings import RECORDINGS
from aurora_otel.dashboards.rule import Block

ALERTS = (*alerts.ALERTS, *fleet_alerts.ALERTS, *pool_alerts.ALERTS)


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
)

_HEAD = """\
# Built from the definitions of the telemetry by `python -m aurora_otel.dashboards.build`: do not
# edit. Runbooks: docs/runbooks.md.
"""


def render() -> str:
    """Return the rules file."""
    groups = [
        {"name": "aurora-recording", "rules": [rule.as_yaml() for rule in RECORDINGS]},
        {"name": "aurora-alerts", "rules": [alert.as_yaml() for alert in ALERTS]},
    ]
    return _HEAD + yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, width=10_000)
