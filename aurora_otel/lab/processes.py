"""The processes of a lab, known by their working directory; as a script, its reaper.

A server's processes leave the process group and the session they were started in, and outlive
whoever started them. Their working directory they keep, so that is how they are found. Standard
library only: the reaper must start fast and owe nothing to the environment it runs in.
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

STOPPED = ("T", "t")
GONE = ("Z", "X")
_IPC_RMID = 0


def members(directory: Path, programs: Path) -> list[int]:
    """Returns the processes that work in `directory` or below, of programs of the lab.

    Args:
        directory: where they work. A shell in there is none of ours, so that is not enough:
        programs: where their executables are, if not in `directory` itself.
    """
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        try:
            cwd = Path(os.readlink(f"{entry.path}/cwd").removesuffix(" (deleted)"))
            exe = Path(os.readlink(f"{entry.path}/exe").removesuffix(" (deleted)"))
        except OSError:  # it ended, or it is none of ours
            continue
        if cwd.is_relative_to(directory) and (
            exe.is_relative_to(programs) or exe.is_relative_to(directory)
        ):
            found.append(int(entry.name))
    return sorted(found)


def state(pid: int) -> str:
    """Returns the state letter of a process as `ps` shows it; `X` when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "X"
    return stat.rpartition(")")[2].split()[0]


def send(pids: list[int], number: signal.Signals) -> None:
    """Sends a signal to each process that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def kill(directory: Path, programs: Path, *, within: float = 10.0) -> None:
    """Kills every process of the lab that works in `directory`, without a last word of any.

    Args:
        directory: where they work.
        programs: where their executables are.
        within: seconds after which a process that will not die is an error.

    Raises:
        TimeoutError: a process is still there.
    """
    deadline = time.monotonic() + within
    while pids := [pid for pid in members(directory, programs) if state(pid) not in GONE]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {pids} of {directory} did not end")
        # Stopped first: a PostgreSQL backend that sees its postmaster die tells its client so.
        send(pids, signal.SIGSTOP)
        send(pids, signal.SIGKILL)
        time.sleep(0.002)
    release_shared_memory(directory)


def freeze(parent: int, directory: Path, programs: Path, *, within: float = 10.0) -> None:
    """Stops every process that works in `directory`, `parent` first, so that none is born after.

    Raises:
        TimeoutError: a process is still running after `within` seconds.
    """
    deadline = time.monotonic() + within
    send([parent], signal.SIGSTOP)
    while running := [
        pid for pid in members(directory, programs) if state(pid) not in (*STOPPED, *GONE)
    ]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {running} of {directory} did not stop")
        send(running, signal.SIGSTOP)
        time.sleep(0.002)


def release_shared_memory(directory: Path) -> None:
    """Removes the System V segments that killed PostgreSQL servers left in the kernel.

    PostgreSQL notes the segment's id in `postmaster.pid` and removes it at an orderly end only.
    """
    shmctl = ctypes.CDLL(None, use_errno=True).shmctl
    for note in (*directory.glob("postmaster.pid"), *directory.glob("*/postmaster.pid")):
        with contextlib.suppress(OSError, IndexError, ValueError):
            identifier = int(note.read_text(encoding="utf-8").splitlines()[6].split()[1])
            shmctl(identifier, _IPC_RMID, None)
            note.unlink()


def reap(directory: Path, programs: Path) -> None:
    """Waits for a byte or the end of standard input, then removes every trace of the lab."""
    sys.stdin.buffer.read(1)
    # Order matters: a process that is stopped can be killed, but a directory that is still
    # written to cannot be removed.
    kill(directory, programs)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    reap(Path(sys.argv[1]), Path(sys.argv[2]))
