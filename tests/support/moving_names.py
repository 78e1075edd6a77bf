"""Names that move between addresses, for all that resolves in C: in a process of its own.

Python's own resolver asks C's, so that drivers that are written in Python see the same names.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

# Stands between a program and the system's resolver. Not libnss_wrapper: there, a thread that
# resolves while the file has changed frees what another one reads.
_SOURCE = Path(__file__).with_suffix(".c")
_FOLLOW_EVERY = 0.02  # seconds


class _HostsFile:
    """A file of names that is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hosts: dict[str, str] = {}

    def write(self, records: Mapping[str, str]) -> None:
        hosts = dict(records)
        if hosts == self._hosts:
            return
        self._hosts = hosts
        draft = self._path.with_suffix(".draft")
        # The first name of a line is the canonical one, as at the end of a chain of CNAMEs.
        names = {ip: [host for host in hosts if hosts[host] == ip] for ip in hosts.values()}
        draft.write_text("".join(f"{ip} {' '.join(each)}\n" for ip, each in names.items()))
        draft.replace(self._path)


@contextlib.contextmanager
def hosts_file(records: Mapping[str, str], path: Path) -> Iterator[dict[str, str]]:
    """Yield the environment in which a process resolves the names of `records`, wherever they move.

    Args:
        records: IP addresses by name, which may change: `Cluster.records()`.
        path: of the file to write, which is kept up to date until the context is left.
    """
    resolver = path.with_suffix(".so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", resolver, _SOURCE, "-ldl"], check=True)
    file = _HostsFile(path)
    file.write(records)
    ended = threading.Event()

    def follow() -> None:
        while not ended.wait(_FOLLOW_EVERY):
            file.write(records)

    following = threading.Thread(target=follow, daemon=True)
    following.start()
    try:
        yield {"LD_PRELOAD": str(resolver), "MOVING_NAMES": str(path)}
    finally:
        ended.set()
        following.join()
