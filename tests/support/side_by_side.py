"""How tests are dealt out to the processes that run them side by side: file by file.

A file's tests share servers and run in their order. pytest-xdist's own groups are not used: it
writes them into names that pytest 9.2 no longer reads.
"""

from __future__ import annotations

import contextlib
from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# Folders whose tests share a long story. They come first, so that none is left alone in the end.
STORIES = ("telemetry", "dashboards")
# Files that take minutes: begun with the others, each of them would be left alone in the end.
LONG = ("pools/test_failovers.py", "demo/test_demo.py", "histories/test_drawn_histories.py")


class Scheduling(LoadScopeScheduling):
    """Deals out files, and folders that share a story; goes on where a process has died.

    pytest-xdist 3.8 then deals out again all that the process had been given, what it has run and
    the test that ended it among it. A process that is given a file without tests left waits for a
    next test that never comes, as does one that is given a single test.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = PurePosixPath(nodeid.partition("::")[0])
        return str(file.parent if file.parent.name in STORIES else file)

    def remove_node(self, node: WorkerController) -> str | None:
        """Return the test that a process died in, if it did; others get what it had left."""
        given = self.assigned_work[node]
        self.assigned_work[node] = {}
        super().remove_node(node)
        left = [test for tests in given.values() for test, is_done in tests.items() if not is_done]
        for test in left[1:]:
            self.workqueue.setdefault(self._split_scope(test), {})[test] = False
        for other in self.nodes:
            self._reschedule(other)
        return left[0] if left else None

    def _assign_work_unit(self, node: WorkerController) -> None:
        # One that has died, which is not known yet, reads no more; what it was given is dealt out
        # again then.
        with contextlib.suppress(OSError):
            super()._assign_work_unit(node)

    def _reschedule(self, node: WorkerController) -> None:
        """Give a process enough to go on: it runs a test once it knows the next one."""
        if self.workqueue and node not in self.registered_collections:
            return  # it is still collecting
        super()._reschedule(node)
        while self.workqueue and not node.shutting_down:
            if self._pending_of(self.assigned_work[node]) > 1:
                break
            super()._reschedule(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log) -> Scheduling:
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def order(items: list[pytest.Item]) -> None:
    """Put the stories first, and then what is long."""

    def place(item: pytest.Item) -> tuple[bool, bool]:
        is_long = item.path.as_posix().endswith(LONG)
        return item.path.parent.name not in STORIES, not is_long

    items.sort(key=place)
