"""No password in what the demo writes: figures, page, picture and terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.secrets.search import found

# The lab makes its passwords up: these are the ones.
CANARY = "canarymadeup"
PROGRAM = f"""
import secrets, sys
secrets.token_hex = lambda size: "{CANARY}" * 2
import aurora_otel.cli
sys.exit(aurora_otel.cli.main())
"""


@pytest.mark.timeout(180)
@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_the_demo_shows_no_password(engine, tmp_path):
    files = {name: tmp_path / name for name in ("json", "picture", "report")}
    written = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    done = subprocess.run(
        [
            *(sys.executable, "-c", PROGRAM, "demo"),
            *("--engine", engine, "--failover", "crash", *written),
        ],
        check=False,
        capture_output=True,
        env=os.environ | {"COLUMNS": "250", "FORCE_COLOR": "1"},
        text=True,
    )
    exported = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    exported |= {"terminal": done.stdout, "errors": done.stderr}
    assert done.returncode in (0, 1), done.stderr  # 1: a promise was not kept
    assert all("lab-1" in text for name, text in exported.items() if name != "errors")
    assert found([CANARY], exported) == set()
