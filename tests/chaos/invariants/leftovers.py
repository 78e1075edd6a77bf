"""Everything is given back."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chaos.facts import Fact, Left
from tests.chaos.truth import Truth

# What the process may keep, in MiB: allocators give back whole pages, and the SDK keeps its series.
_MEMORY = 32


class Leftovers:
    """Judges what there is before and after: threads, descriptors, memory, sessions, calls."""

    promise = "threads, descriptors, memory, sessions return to where they began; no call waits on"

    def judge(self, fact: Fact, truth: Truth) -> Iterator[str]:
        """Compare."""
        if isinstance(fact, Left):
            more = _MEMORY if fact.what == "MiB of memory" else 0
            if fact.after > fact.before + more:
                listed = "".join(f"\n    {name}" for name in fact.names)
                yield f"{fact.what}: {fact.before} at first, {fact.after} at the end{listed}"
