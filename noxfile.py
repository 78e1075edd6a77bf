"""The tests on every CPython that is supported and can be had: `make test-all`."""

from __future__ import annotations

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
    session.install(
        "--editable", ".[demo]", "--group", "test", "--excludes", str(left_out.resolve())
    )
    session.run("python", "-m", "pytest", "--numprocesses=4", "--dist=loadscope", *session.posargs)


for version in interpreters.VERSIONS:
    # Without an interpreter, nox reports the session as skipped; with CI=true, as failed.
    python = interpreters.find(version) or f"python{version}"
    nox.session(tests, name=f"tests-{version}", python=str(python))
