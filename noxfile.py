"""The tests on every CPython that is supported and can be had: `make test-all`.

`make test-turn` runs a share of them on one, each day on another; `make test-lowest` runs a share
with the oldest version of each library; `make coverage` says what all of them do not reach.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import nox

from tests.support import interpreters

nox.options.default_venv_backend = "uv"

# Without an interpreter, nox reports a session as skipped; with CI=true, as failed.
PYTHONS = {
    version: str(interpreters.find(version) or f"python{version}")
    for version in interpreters.VERSIONS
}

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


# Not on 3.11: a traced function that one of the interpreter's pending calls calls there never
# returns while another waits, and greenlet ends a thread by such a call.
@nox.session(python=PYTHONS["3.12"])
def coverage(session: nox.Session) -> None:
    """Run the tests, and print and judge what of the agent they do not reach."""
    _install(session, "--group", "bench")
    session.run("coverage", "erase")
    # Traced, a program is slower and larger: what times and memory show is for `make test`.
    _run(session, *session.posargs, under=("coverage", "run"), success_codes=(0, 1))
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")
    reached = Path(session.create_tmp(), "reached.json").resolve()
    session.run("coverage", "json", "--quiet", "-o", str(reached))
    session.run("python", "-m", "tests.branches", str(reached))


def _install(session: nox.Session, *arguments: str) -> None:
    groups = ("--group", "test", "--group", "lint")
    session.install("--editable", ".[demo]", *groups, *arguments)


def _run(
    session: nox.Session,
    *arguments: str,
    under: tuple[str, ...] = ("python",),
    **how: Any,
) -> None:
    side_by_side = ("--numprocesses=6", "--dist=loadscope")
    session.run(*under, "-m", "pytest", *side_by_side, *arguments, **how)


# The one whose turn it is today.
TURN = datetime.now(timezone.utc).toordinal() % len(PYTHONS)
for number, (version, python) in enumerate(PYTHONS.items()):
    tags = ["all", "turn"] if number == TURN else ["all"]
    nox.session(tests, name=f"tests-{version}", python=python, tags=tags)
