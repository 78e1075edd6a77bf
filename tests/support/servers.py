"""A lab's servers as an operator of the machine finds them: by their data directories."""

from __future__ import annotations

from pathlib import Path

import psutil

from aurora_otel.lab import Cluster


def directory(cluster: Cluster) -> Path:
    """Return where a cluster of the lab has its files."""
    return cluster.log(cluster.writer).parent


def main_process(cluster: Cluster, instance: str) -> psutil.Process:
    """Return the process of an instance's server from which its others descend."""
    data = str(directory(cluster) / instance)
    (found,) = (
        process
        for process in psutil.process_iter(["cmdline"])
        # PostgreSQL's others show what they do in place of a command line.
        if any(each in (data, f"--datadir={data}") for each in process.info["cmdline"] or ())
    )
    return found
