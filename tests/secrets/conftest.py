"""What is logged while a test runs."""

from __future__ import annotations

import logging

import pytest


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
