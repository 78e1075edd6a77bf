"""Process trees, frozen and killed; as a script, the reaper that ends what a lab left running.

Only `/proc/<pid>/stat` is read: where a process works and what it runs is hidden from a container's
root, who may not trace the unprivileged servers. Standard library only: the reaper must start
fast and owe nothing to the environment that it runs in.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import time
from pathlib import Path

_STOPPED = ("T", "t")
_GONE = ("Z", "X")
_IPC_RMID = 0

# A process: its id, and the clock tick at which it started, because ids are used again.
Process = tuple[int, str]


def identify(pid: int) -> Process | None:
    """Return the process that has this id now, if any."""
    fields = _stat(pid)
    return None if fields[0] in _GONE else (pid, fields[19])


def frozen(pid: int) -> bool:
    """Return whether a process is there and stopped."""
    return _stat(pid)[0] in _STOPPED


def tree(root: Process) -> list[int]:
    """Return the ids of a process and of all its descendants; none if it has ended."""
    if identify(root[0]) != root:
        return []
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _stat(int(entry.name)))[0] not in _GONE:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root[0]]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def freeze(root: Process, *, within: float = 10.0) -> list[int]:
    """Stop a process and its descendants, and returns their ids.

    Raises:
        TimeoutError: one is still running after `within` seconds.
    """
    deadline = time.monotonic() + within
    _send([root[0]] if identify(root[0]) == root else [], signal.SIGSTOP)
    # The root comes first, so that none is born while the others are stopped; and what was stopped
    # may take a moment to notice.
    while True:
        pids = tree(root)
        running = [pid for pid in pids if not frozen(pid)]
        if not running:
            return pids
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {running} did not stop")
        _send(running, signal.SIGSTOP)
        time.sleep(0.002)


def thaw(root: Process) -> None:
    """Have a process and its descendants go on, the descendants first."""
    _send(tree(root)[::-1], signal.SIGCONT)


def kill(root: Process, *, within: float = 10.0) -> None:
    """Kill a process and its descendants, without a last word of any.

    They are stopped first: a PostgreSQL backend that sees its postmaster die reports that to its
    client.

    Raises:
        TimeoutError: one is still there after `within` seconds.
    """
    deadline = time.monotonic() + within
    alive = [found for pid in freeze(root, within=within) if (found := identify(pid))]
    _send([pid for pid, _ in alive], signal.SIGKILL)
    while any(identify(process[0]) == process for process in alive):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {alive} did not end")
        time.sleep(0.002)


def release_shared_memory(data: Path) -> None:
    """Remove the System V segment that a killed PostgreSQL server left in the kernel.

    Its id is on the seventh line of `postmaster.pid`; an orderly end would have removed both.
    """
    note = data / "postmaster.pid"
    with contextlib.suppress(OSError, IndexError, ValueError):
        identifier = int(note.read_text(encoding="utf-8").splitlines()[6].split()[1])
        ctypes.CDLL(None).shmctl(identifier, _IPC_RMID, None)
        note.unlink()


def _stat(pid: int) -> list[str]:
    """Return what `/proc/<pid>/stat` says after the name, the state first."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ["X"]
    return text.rpartition(")")[2].split()


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _reap(directory: Path) -> None:
    """Read process ids until an empty line or the end, then removes every trace of the lab."""
    roots = []
    for line in sys.stdin:
        if not line.strip():
            break
        roots.append(identify(int(line)))
    for root in roots:
        if root is not None:
            with contextlib.suppress(TimeoutError):
                kill(root)
    for data in directory.iterdir():
        release_shared_memory(data)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    _reap(Path(sys.argv[1]))
