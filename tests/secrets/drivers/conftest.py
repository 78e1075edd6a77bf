"""Every test here runs once for each driver, as those of `tests/drivers` do."""

from tests.drivers.conftest import cluster, connect, driver, pytest_generate_tests
from tests.support.names import _resolved

__all__ = ["_resolved", "cluster", "connect", "driver", "pytest_generate_tests"]
