import pytest

from tests.dashboards import fleet


@pytest.fixture(scope="package")
def run(lab, tmp_path_factory):
    """Three services through two failovers, as Prometheus saw them."""
    lab.heal()
    with fleet.suffering(lab, tmp_path_factory.mktemp("prometheus")) as run:
        yield run
    lab.heal()
