"""Scripts in a fresh interpreter, with bytecode at hand: as where a package was installed.

`pip` compiles what it installs. What is imported out of a checkout is not compiled beforehand; and
where `PYTHONDONTWRITEBYTECODE` is set, as in many containers, it is compiled at each start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_BYTECODE = ROOT / ".bench" / "bytecode"


def run(script: str, *arguments: str) -> Any:
    """Run a script; return what it printed, which is JSON. The first run compiles."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", script, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**kept, "PYTHONPYCACHEPREFIX": str(_BYTECODE)},
    )
    return json.loads(done.stdout)
