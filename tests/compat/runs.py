"""One run of one suite, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from tests.compat.suites import Suite

SITE = Path(__file__).parent / "site"
_ROOT = Path(__file__).parent.parent.parent
# A suite that hangs has failed: seconds.
_LIMIT = 900


class Run(NamedTuple):
    """What came of one run.

    Attributes:
        outcomes: how each test ended: `passed`, `failed` or `skipped`.
        tracked: how many connections the agent tracked.
        failures: how often the agent failed inside, by what it was doing.
    """

    outcomes: dict[str, str]
    tracked: int
    failures: Counter[str]


def run(
    suite: Suite,
    directory: Path,
    settings: dict[str, str],
    *,
    with_us: bool,
    only: Collection[str] = (),
) -> Run:
    """Run a suite.

    Args:
        suite: the suite.
        directory: where its files are.
        settings: environment variables for it.
        with_us: whether the agent is there.
        only: the tests to run, by name; all of them if there are none.
    """
    name = ("with" if with_us else "without") + ("-again" if only else "")
    results = directory / f"results-{name}"
    results.unlink(missing_ok=True)
    environment = {
        **os.environ,
        **settings,
        "COMPAT_WITH": str(int(with_us)),
        "COMPAT_RESULTS": str(results),
        "PYTHONPATH": os.pathsep.join([str(SITE), str(_ROOT)]),
    }
    with (directory / f"output-{name}.txt").open("w") as output:
        subprocess.run(
            suite.command(results, only),
            cwd=directory / suite.inside,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=_LIMIT,
            check=False,
        )
    text = results.read_text() if results.exists() else ""
    outcomes = _junit(text, directory) if text.startswith("<?xml") else _lines(text)
    return Run(outcomes, *_agent(Path(f"{results}.agent")))


def _agent(path: Path) -> tuple[int, Counter[str]]:
    """Read what each interpreter told of the agent at its end."""
    told = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    failures = sum((Counter(each["failures"]) for each in told), Counter[str]())
    return sum(each["opened"] for each in told), failures


def _junit(text: str, directory: Path) -> dict[str, str]:
    """Read pytest's XML."""
    outcomes = {}
    for case in ET.fromstring(text).iter("testcase"):
        place = (case.get("classname") or "").split(f"{directory.name}.")[-1]
        name = f"{place}::{case.get('name')}"
        tags = {child.tag for child in case}
        outcomes[name] = (
            "failed"
            if tags & {"failure", "error"}
            else "skipped"
            if "skipped" in tags
            else "passed"
        )
    return outcomes


def _lines(text: str) -> dict[str, str]:
    """Read what `django_runner` writes."""
    return dict(json.loads(line) for line in text.splitlines())
