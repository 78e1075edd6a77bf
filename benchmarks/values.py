"""All values of a run as pyperf keeps them, with the machine that they were measured on.

`pyperf stats` and `pyperf compare_to` read the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyperf

_MACHINE = ("cpu_model_name", "cpu_count", "platform", "python_version", "load_avg_1min", "date")


class Values:
    """The values of a run, by what was measured."""

    def __init__(self) -> None:
        self._benchmarks: dict[str, pyperf.Benchmark] = {}

    def keep(self, name: str, seconds: Sequence[float]) -> None:
        """Keep values; more of them under the same name are another run."""
        run = _run(name, seconds)
        if name in self._benchmarks:
            self._benchmarks[name].add_run(run)
        else:
            self._benchmarks[name] = pyperf.Benchmark([run])

    def write(self, path: Path) -> None:
        """Write them, if there are any."""
        if self._benchmarks:
            path.parent.mkdir(exist_ok=True)
            suite = pyperf.BenchmarkSuite(self._benchmarks.values())
            suite.dump(str(path), replace=True)


def machine(names: Iterable[str] = _MACHINE) -> dict[str, str]:
    """Return what pyperf knows of the machine and the interpreter."""
    known = _run("none", [1.0]).get_metadata()
    return {name: str(known[name]) for name in names if name in known}


def _run(name: str, seconds: Sequence[float]) -> pyperf.Run:
    metadata = {"name": name, "unit": "second"}
    return pyperf.Run(list(seconds), metadata=metadata, collect_metadata=True)
