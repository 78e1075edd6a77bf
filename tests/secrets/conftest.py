"""What is logged while a test runs, and passwords that change."""

from __future__ import annotations

import logging

import pytest

ANOTHER = "canary-of-a-rotation"
_ROTATION = {
    "postgresql": "ALTER ROLE {} PASSWORD '{}'",
    "mysql": "ALTER USER {} IDENTIFIED BY '{}'",
}


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def every_record():
    """What is logged, by whomever, on every level."""
    keeper, root, ours = _Keeper(), logging.getLogger(), logging.getLogger("aurora_otel")
    levels = root.level, ours.level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    yield keeper.records
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    root.removeHandler(keeper)


@pytest.fixture
def rotate(cluster, monkeypatch):
    """Change the password: what was used before opens no connection of the agent's."""
    before = cluster.password

    def change(password):
        statement = _ROTATION[cluster.engine].format(cluster.user, password)
        cluster.execute(cluster.writer, statement)
        monkeypatch.setattr(cluster, "password", password)

    yield lambda: change(ANOTHER)
    cluster.heal()
    change(before)
