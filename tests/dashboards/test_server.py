import pytest

from tests.support import prometheus as server


def test_a_missing_prometheus_is_one_line_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr(server.shutil, "which", lambda *_, **__: None)
    with pytest.raises(pytest.fail.Exception) as failure:
        server.tool("prometheus")
    assert str(failure.value) == "prometheus is missing: apt-get install prometheus"
