"""Draws the dashboards while a real failover goes through real services, as Prometheus saw it.

python -m tests.dashboards.pictures docs/dashboards
"""

import sys
import tempfile
from pathlib import Path

from aurora_otel.lab import Cluster
from tests.dashboards import fleet
from tests.dashboards.committed import DASHBOARDS
from tests.dashboards.picture import picture
from tests.support.labs import create_table


def main(directory):
    """Write a picture of each dashboard."""
    directory.mkdir(parents=True, exist_ok=True)
    with Cluster("lab") as cluster, tempfile.TemporaryDirectory() as data:
        create_table(cluster)
        with fleet.suffering(cluster, Path(data)) as run:
            for uid, dashboard in DASHBOARDS.items():
                text = picture(dashboard, run.prometheus, run.start, run.end)
                (directory / f"{uid}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
