"""Builds what is committed in `dashboards/`.

python -m aurora_otel.dashboards.build [DIR]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from aurora_otel.dashboards import connections, failover, rules

DASHBOARDS = "grafana/dashboards"
RULES = "prometheus/aurora.rules.yml"


def render() -> dict[str, str]:
    """Return the text of every built file, by its path below `dashboards/`."""
    built = (connections.build(), failover.build())
    return {
        **{
            f"{DASHBOARDS}/{dashboard.uid}.json": json.dumps(dashboard, cls=JSONEncoder, indent=2)
            + "\n"
            for dashboard in built
        },
        RULES: rules.render(),
    }


def main(directory: Path) -> None:
    """Write every built file below `directory`."""
    for name, text in render().items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dashboards"))
