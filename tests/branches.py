"""How much of the agent the tests of `make coverage` reach: its lines, and its branches.

    python -m tests.branches FILE

FILE is what `coverage json` wrote, whose own percentage counts lines and branches together.
"""

# ruff: noqa: T201 - it prints what it finds

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

LEAST = 0.95


class Reached(NamedTuple):
    """How many lines and branches there are, and how many of them a test reached."""

    lines: int
    all_lines: int
    branches: int
    all_branches: int

    @classmethod
    def of(cls, files: Iterable[dict[str, Any]]) -> Reached:
        """Return the sum of these files of coverage's report."""
        names = ("covered_lines", "num_statements", "covered_branches", "num_branches")
        summaries = [file["summary"] for file in files]
        return cls(*(sum(summary[name] for summary in summaries) for name in names))

    def row(self, name: str) -> str:
        """Return the line of the table that has this name."""
        lines, branches = share(self.lines, self.all_lines), self.share_of_branches()
        return f"{name:<20} {lines:8.1%} {branches:10.1%}  {self.branches} of {self.all_branches}"

    def share_of_branches(self) -> float:
        """Return how much of the branches a test reached."""
        return share(self.branches, self.all_branches)


def share(part: int, whole: int) -> float:
    """Return how much of the whole it is; all, where there is nothing."""
    return part / whole if whole else 1.0


def by_package(files: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the files of each package, or module, right below the top."""
    packages = defaultdict(list)
    for path, file in files.items():
        packages[path.split("/")[1]].append(file)
    return dict(sorted(packages.items()))


def main() -> int:
    """Print the shares by package; return whether too few branches were reached."""
    files = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["files"]
    print(f"{'':20} {'lines':>8} {'branches':>10}")
    for name, each in by_package(files).items():
        print(Reached.of(each).row(name))
    agent = Reached.of(files.values())
    print(agent.row("all"))
    found = agent.share_of_branches()
    print(f"{found:.1%} of the branches were reached; {LEAST:.0%} are wanted")
    return int(found < LEAST)


if __name__ == "__main__":
    sys.exit(main())
