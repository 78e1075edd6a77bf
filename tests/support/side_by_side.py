"""How tests are dealt out to the processes that run them side by side: file by file.

A file's tests share servers and run in their order. pytest-xdist's own groups are not used: it
writes them into names that pytest 9.2 no longer reads.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

# Folders whose tests share a long story. They come first, so that none is left alone in the end.
STORIES = ("telemetry", "dashboards")


class Scheduling(LoadScopeScheduling):
    """Deals out files, and folders that share a story."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.partition("::")[0])
        return str(file.parent if file.parent.name in STORIES else file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log) -> Scheduling:
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def order(items: list[pytest.Item]) -> None:
    """Put the stories first."""
    items.sort(key=lambda item: item.path.parent.name not in STORIES)
