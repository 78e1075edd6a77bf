"""How many of the changes that `make mutants` has made were noticed by a test."""

# ruff: noqa: T201 - it prints what it finds

from __future__ import annotations

import json
import sys
from pathlib import Path

STATS = Path("mutants/mutmut-cicd-stats.json")
LEAST = 0.9


def main() -> int:
    """Print the score; return whether it is too low."""
    counts = json.loads(STATS.read_text(encoding="utf-8"))
    noticed, total = counts["killed"] + counts["timeout"], counts["total"]
    print(
        f"{noticed} of {total} changes were noticed, {noticed / total:.1%}; {LEAST:.0%} are wanted"
    )
    print(
        "Those that were not: mutmut results, mutmut show NAME; tests/mutants.md has the reasons."
    )
    return int(noticed / total < LEAST)


if __name__ == "__main__":
    sys.exit(main())
