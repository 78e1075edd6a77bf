"""One run: how much is measured, and the lab that it is measured on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cached_property

from aurora_otel.lab import Cluster
from benchmarks.figures import Answer
from benchmarks.measure import Effort, Rounds
from benchmarks.place import Place
from benchmarks.values import Values


class Bench(contextlib.AbstractContextManager["Bench"]):
    """A run of the benchmarks; a context manager that ends the lab.

    Attributes:
        quick: whether this is the short form.
        values: all values so far.
    """

    def __init__(self, *, quick: bool) -> None:
        self.quick = quick
        self.values = Values()
        self._exit = contextlib.ExitStack()

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @cached_property
    def cluster(self) -> Cluster:
        """The lab, started at the first use, with a table `writes`."""
        cluster = self._exit.enter_context(Cluster("lab"))
        cluster.execute(cluster.writer, "CREATE TABLE writes (x int)")
        cluster.execute(cluster.writer, "GRANT ALL ON writes TO app")
        return cluster

    @property
    def place(self) -> Place:
        """Where the lab is."""
        return Place.of(self.cluster)

    def effort(self, rounds: int, block: float = 0.002) -> Effort:
        """Return an effort; a fraction of it in the short form."""
        return Effort(max(20, rounds // 6) if self.quick else rounds, block)

    def pick(self, full: int, quick: int) -> int:
        """Return what goes for this form."""
        return quick if self.quick else full

    def keep(self, question: str, rounds: Rounds) -> Rounds:
        """Keep all values of `rounds`."""
        for name, seconds in rounds.seconds.items():
            self.values.keep(f"{question}: {name}", seconds)
        return rounds


# A question: measures, and answers.
Question = Callable[[Bench], Answer]
