"""A copy of the package that has one file and one line more, as the documents say."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aurora_otel

ROOT = Path(__file__).parents[2]
_REGISTRY = "REGISTRY = (\n"


class Extension:
    """What a document says is all that it takes to add something to a package.

    Args:
        document: its name in `docs/`.
        file: the file to add, by its path in `aurora_otel`.
        block: which of the document's blocks of Python is the file.

    Attributes:
        blocks: the document's blocks of Python.
        line: the line for the registry.
    """

    def __init__(self, document: str, file: str, block: int = -1) -> None:
        text = (ROOT / "docs" / document).read_text(encoding="utf-8")
        self._file = file
        self._block = block
        self.blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        (self.line,) = re.findall(r"^```diff\n\+(.*?\n)```$", text, re.MULTILINE)

    def copy_into(self, path: Path) -> Path:
        """Copy `aurora_otel` into `path`, with the file and the line; return `path`."""
        package = path / "aurora_otel"
        shutil.copytree(Path(aurora_otel.__file__).parent, package)
        file = package / self._file
        file.write_text(self.blocks[self._block])
        registry = file.with_name("__init__.py")
        text = registry.read_text()
        assert text.count(_REGISTRY) == 1
        registry.write_text(text.replace(_REGISTRY, _REGISTRY + self.line))
        return path


@contextlib.contextmanager
def running(path: Path, program: str, *arguments: str) -> Iterator[Iterator[Any]]:
    """Run a program of `tests/docs` with the package in `path`; yield its reports.

    Each is a line of JSON; the program goes on to the next one at a line of input.
    """
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests" / "docs" / program), *arguments],
        env={**os.environ, "PYTHONPATH": str(path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def reports() -> Iterator[Any]:
        yield json.loads(process.stdout.readline())
        process.stdin.write("\n")
        process.stdin.flush()
        yield json.loads(process.stdout.readline())

    with process:
        yield reports()
    assert process.returncode == 0
