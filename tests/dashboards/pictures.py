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


def main(directory):
    """Write a picture of each dashboard."""
    directory.mkdir(parents=True, exist_ok=True)
    with Cluster("lab") as cluster, tempfile.TemporaryDirectory() as data:
        cluster.execute(cluster.writer, "CREATE TABLE writes (id bigserial PRIMARY KEY, x text)")
        cluster.execute(cluster.writer, "GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
        cluster.execute(cluster.writer, "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app")
        with fleet.suffering(cluster, Path(data)) as run:
            for uid, dashboard in DASHBOARDS.items():
                text = picture(dashboard, run.prometheus, run.start, run.end)
                (directory / f"{uid}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
