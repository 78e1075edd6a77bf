"""The tests on every CPython that is supported and can be had: `make test-all`.

`make test-turn` runs a share of them on one, each day on another.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import nox

from tests.support import interpreters

nox.options.default_venv_backend = "uv"


def tests(session: nox.Session) -> None:
    """Run the tests; arguments behind `--` go to pytest."""
    left_out = Path(session.create_tmp(), "left-out.txt")
    # uWSGI embeds an interpreter, and cannot link one that has another C library than this system.
    is_foreign = interpreters.HERE in Path(str(session.python)).parents
    left_out.write_text("uWSGI\n" if is_foreign else "", encoding="utf-8")
    groups = ("--group", "test", "--group", "lint")
    session.install("--editable", ".[demo]", *groups, "--excludes", str(left_out.resolve()))
    session.run("python", "-m", "pytest", "--numprocesses=4", "--dist=loadscope", *session.posargs)


# The one whose turn it is today.
TURN = datetime.now(timezone.utc).toordinal() % len(interpreters.VERSIONS)
for number, version in enumerate(interpreters.VERSIONS):
    # Without an interpreter, nox reports the session as skipped; with CI=true, as failed.
    python = interpreters.find(version) or f"python{version}"
    tags = ["all", "turn"] if number == TURN else ["all"]
    nox.session(tests, name=f"tests-{version}", python=str(python), tags=tags)
