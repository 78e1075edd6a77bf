"""No password in what another process receives; how an internal failure is exported."""

import logging

import pytest

import aurora_otel


def test_another_process_exports_no_password(lab, exported):
    collector = exported.collector
    text = "\n".join(map(str, (collector.spans, collector.logs, collector.exports)))
    ours = [span for span in collector.spans if span.scope.name == "aurora_otel"]
    assert ours
    assert lab.password not in text


@pytest.fixture
def broken(monkeypatch, driver):
    """While this is set, no connection of the driver can be tracked."""

    def fail(*_):
        raise LookupError

    with monkeypatch.context() as patched:
        patched.setattr(f"aurora_otel.drivers.{driver}.Adapter.fileno", fail)
        yield


def test_an_internal_failure_is_logged_once_per_kind_and_counted(
    agent, cluster, connect, broken, caplog
):
    for _ in range(3):
        connect(cluster.dsn("writer")).close()
    failures = dict(aurora_otel.snapshot().internal_failures)
    assert failures == {"track a connection: LookupError": 3}
    agent.exported.flush()
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert errors[0].exc_info is None
    assert "internal failure (3): track a connection: LookupError" in str(aurora_otel.snapshot())
    agent.internals.shield.failures.clear()
