"""Where a database server's programs are, and as whom they run."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_otel.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Account:
    """Whom servers run as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Installation:
    """A database server's programs.

    Attributes:
        programs: where they are.
        account: whom they run as; None is the account that runs the lab.
        watch: called with the id of each process, so that none is left behind.
    """

    programs: Path
    account: Account | None
    watch: Callable[[int], None]

    def start(
        self, program: str, *arguments: str, cwd: Path, log: Path, stdin: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program in a session of its own, out of reach of the terminal's Ctrl-C."""
        user = self.account
        with log.open("ab") as output, (stdin or Path(os.devnull)).open("rb") as source:
            process = subprocess.Popen(  # noqa: S603 -- programs of the installation alone
                [str(self.programs / program), *arguments],
                cwd=cwd,
                stdin=source,
                stdout=output,
                stderr=output,
                env={"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
                start_new_session=True,
                user=None if user is None else user.uid,
                group=None if user is None else user.gid,
                extra_groups=None if user is None else [],
            )
        self.watch(process.pid)
        return process

    def give(self, path: Path) -> None:
        """Make the servers' account own a file or a directory."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)


def server_account() -> Account | None:
    """Return whom to run servers as: they refuse to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:  # minimal images have no such entry, and the number needs none
        return Account("nobody", 65534, 65534)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def new_directory() -> Path:
    """Make a directory for a lab where the servers' account can reach it.

    Raises:
        LabError: there is no such place.
    """
    account = server_account()
    for parent in map(Path, (tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108 -- mkdtemp is safe there
        if account is None or all(
            path.stat().st_mode & stat.S_IXOTH for path in (parent, *parent.parents)
        ):
            directory = Path(tempfile.mkdtemp(prefix="aurora-otel-lab-", dir=parent))
            if account is not None:
                os.chown(directory, account.uid, account.gid)
            return directory
    raise LabError(f"{account} can reach no temporary directory; set TMPDIR to one that it can")
