"""Tests that are suspected to waver, run again and again while something else loads the machine.

`make waver N=20 TESTS='tests/unit/test_worker.py'`; further arguments are pytest's.
"""

# ruff: noqa: T201 - it prints what it finds

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::\S+.*?)(?: - .*)?$", re.MULTILINE)


@contextmanager
def load() -> Iterator[None]:
    """Keep every processor busy."""
    command = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def run(arguments: list[str]) -> tuple[set[str], str]:
    """Run pytest once; return the tests that failed, and what it printed if there are any."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    failed = set(FAILED.findall(done.stdout))
    if done.returncode and not failed:
        failed = {f"pytest itself: exit status {done.returncode}"}
    return failed, done.stdout + done.stderr if failed else ""


def main(times: int, arguments: list[str]) -> int:
    """Print each failure and how often each test failed; return whether one did."""
    counts: Counter[str] = Counter()
    with load():
        for number in range(1, times + 1):
            failed, output = run(arguments)
            counts.update(failed)
            print(output, f"{number} of {times}: {len(failed)} failed", flush=True)
    for test, count in counts.most_common():
        print(f"{count:4} of {times}  {test}")
    return int(bool(counts))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
