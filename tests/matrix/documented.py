"""The commands of the documents that install something, as a user copies them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "docs/get-started.md", "docs/roll-out.md", "examples/README.md")
EXAMPLES = ROOT / "examples"
DOCKERFILE = EXAMPLES / "kubernetes" / "Dockerfile"
# Indented, or behind a prompt; a backslash goes on with the next line.
_COMMAND = re.compile(r"^(?:    |\$ )(pip install (?:.*\\\n)*.*)$", re.MULTILINE)
_STEP = re.compile(r"^RUN (pip install (?:.*\\\n)*.*)$", re.MULTILINE)


def installations() -> dict[tuple[str, ...], str]:
    """Return the commands that install something, those of one block together, and where it is."""
    found = {}
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        blocks = [tuple(_COMMAND.findall(block)) for block in text.split("\n\n")]
        for number, block in enumerate((block for block in blocks if block), start=1):
            found.setdefault(block, f"{document} ({number})")
    return found


def image_step(dockerfile: str) -> str:
    """Return the step of a Dockerfile that installs something.

    Raises:
        ValueError: its stages do not have the same one.
    """
    (step,) = set(_STEP.findall(dockerfile))
    return step


def example_of_aws() -> str:
    """Return the command that starts an example under AWS's distribution.

    Raises:
        ValueError: there is none, or more than one.
    """
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\$ (env .+ python \S+\.py)$", text, re.MULTILINE)
    return command
