"""An error that is like that of a failover closes nothing."""

from __future__ import annotations

import pytest

import aurora_otel
from tests.support.drivers.harmless import nothing_happens
from tests.support.sql import notes_of


@pytest.fixture
def agent(driver, cluster, start):
    # However busy the machine is, the writer has confirmed itself when the error comes: the call
    # that gets it is the first to notice, and waits.
    return start(**driver.settings(cluster), refresh_timeout=20, prune_interval=600)


@pytest.fixture
def _untouched(agent, cluster, connect, driver):
    with nothing_happens(agent, cluster, connect, driver):
        yield


@pytest.mark.usefixtures("_untouched")
def test_an_error_that_is_no_failover_closes_nothing(driver, cluster, connect, harmless):
    error = harmless.provoke(driver, cluster, connect)
    assert notes_of(error) == []
    assert harmless.is_symptom or not aurora_otel.snapshot().clusters[0].window_open
