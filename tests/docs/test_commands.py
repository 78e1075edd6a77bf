"""Each command and configuration in the documents can be run or read, as far as shows here.

What installs something is run by `make matrix`; a few documents have more tests of their own.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from aurora_otel import cli
from aurora_otel.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/*.md", "examples/*.md", "examples/*/*.md", "tests/*.md")
    for path in sorted(ROOT.glob(pattern))
    # Of what was called otherwise once.
    if path.name != "CHANGELOG.md"
]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCUMENTS}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
VARIABLES = {PREFIX + field.name.upper() for field in fields(Settings)}


def blocks(language):
    return [
        pytest.param(body, id=f"{name}-{number}")
        for name, text in TEXTS.items()
        for number, body in enumerate(
            re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        )
    ]


def found(pattern):
    return sorted(
        {each for text in TEXTS.values() for each in re.findall(pattern, text, re.MULTILINE)}
    )


@pytest.mark.parametrize("body", blocks("python"))
def test_python_compiles(body):
    compile(body.replace("…", "..."), "block", "exec")


@pytest.mark.parametrize("body", blocks("json"))
def test_json_is_json(body):
    json.loads(body)


@pytest.mark.parametrize("body", blocks("yaml"))
def test_yaml_is_yaml(body):
    assert isinstance(yaml.safe_load(body), dict)


@pytest.mark.parametrize("target", found(r"(?:`|^\$ )make ([a-z][a-z-]+)"))
def test_a_target_of_make_is_there(target):
    assert target in TARGETS


@pytest.mark.parametrize("variable", found(rf"\b{PREFIX}[A-Z][A-Z_]+"))
def test_a_variable_is_a_setting(variable):
    assert variable in VARIABLES


# On a line of its own, behind a prompt or indented, or in backquotes; without its comment.
COMMANDS = found(r"^(?:\$ |    )aurora-otel (.+?)(?:  +#.*| && .*)?$") + found(
    rf"`aurora-otel ((?:{'|'.join(cli.COMMANDS)})\b[^`…]*)`"
)

PLACEHOLDERS = {"SECONDS": "1", "URL": "https://example.com/runbooks"}


def test_there_are_commands():
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command, capsys):
    name, *arguments = shlex.split(command)
    given = [PLACEHOLDERS.get(each, each) for each in arguments]
    with contextlib.suppress(SystemExit):
        cli._arguments(name, given)
    error = capsys.readouterr().err.partition("error: ")[2]
    # Where a command is named alone.
    assert not error or (not arguments and "are required" in error)
    assert importlib.util.find_spec(f"aurora_otel.{name}.command")


def test_a_command_that_is_not_understood_is_noticed(capsys):
    with contextlib.suppress(SystemExit):
        cli._arguments("drill", ["--cluster", "orders", "--no-such-argument"])
    assert "error: unknown arguments" in capsys.readouterr().err
