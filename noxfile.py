"""The tests on every CPython that is supported and can be had: `make test-all`.

`make test-turn` runs a share of them on one, each day on another; `make test-lowest` runs a share
with the oldest version of each library.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import nox

from tests.support import interpreters

nox.options.default_venv_backend = "uv"

# What a library's version can break.
SHARE = ("tests/unit", "tests/composition", "tests/drivers")


def tests(session: nox.Session) -> None:
    """Run the tests; arguments behind `--` go to pytest."""
    left_out = Path(session.create_tmp(), "left-out.txt")
    # uWSGI embeds an interpreter, and cannot link one that has another C library than this system.
    is_foreign = interpreters.HERE in Path(str(session.python)).parents
    left_out.write_text("uWSGI\n" if is_foreign else "", encoding="utf-8")
    # Tests of the benchmarks import what these do.
    _install(session, "--group", "bench", "--excludes", str(left_out.resolve()))
    _run(session, *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run a share with the oldest version of each library that pyproject.toml allows."""
    left_out = Path(session.create_tmp(), "left-out.txt")
    # It reads files of settings, and came with a later SDK.
    left_out.write_text("opentelemetry-configuration\n", encoding="utf-8")
    _install(session, "--excludes", str(left_out.resolve()), "--resolution", "lowest-direct")
    _run(session, *(session.posargs or SHARE), env={"TEST_DRIVERS": "psycopg,pymysql"})


def _install(session: nox.Session, *arguments: str) -> None:
    groups = ("--group", "test", "--group", "lint")
    session.install("--editable", ".[demo]", *groups, *arguments)


def _run(session: nox.Session, *arguments: str, env: dict[str, str] | None = None) -> None:
    side_by_side = ("--numprocesses=6", "--dist=loadscope")
    session.run("python", "-m", "pytest", *side_by_side, *arguments, env=env)


# The one whose turn it is today.
TURN = datetime.now(timezone.utc).toordinal() % len(interpreters.VERSIONS)
for number, version in enumerate(interpreters.VERSIONS):
    # Without an interpreter, nox reports the session as skipped; with CI=true, as failed.
    python = interpreters.find(version) or f"python{version}"
    tags = ["all", "turn"] if number == TURN else ["all"]
    nox.session(tests, name=f"tests-{version}", python=str(python), tags=tags)
