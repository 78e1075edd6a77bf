"""What an editor and a type checker know of `instrument()`, and what `help()` shows."""

import ast
import inspect
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import aurora_otel
from aurora_otel import AuroraInstrumentor
from aurora_otel.settings import Settings

ROOT = Path(__file__).parents[2]
APPLICATION = Path(__file__).with_name("typed_settings.py")
NAMES = [setting.name for setting in fields(Settings)]
PARAMETERS = inspect.signature(AuroraInstrumentor.instrument).parameters


def test_mypy_accepts_each_setting_and_refuses_each_typo():
    # An error that is marked and is none is reported, too.
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", APPLICATION],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_what_mypy_is_shown_has_each_setting_right_and_wrong():
    lines = APPLICATION.read_text().splitlines()
    right, wrong = set(), set()
    for call in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(call, ast.Call):
            is_wrong = "type: ignore" in lines[call.lineno - 1]
            (wrong if is_wrong else right).update(keyword.arg for keyword in call.keywords)
    assert right == set(NAMES)
    assert wrong == {*NAMES, "refresh_windows"}


def test_each_setting_is_a_keyword_with_a_type_and_its_default_goes_on_unchanged():
    assert [name for name in PARAMETERS if name in NAMES] == NAMES
    for name in NAMES:
        assert PARAMETERS[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert PARAMETERS[name].annotation is not inspect.Parameter.empty
        assert repr(PARAMETERS[name].default) == "unchanged"


def test_help_explains_each_keyword():
    text = inspect.getdoc(AuroraInstrumentor.instrument)
    assert [name for name in PARAMETERS if name != "self" and f"    {name}: " not in text] == []
    for setting in fields(Settings):
        default = setting.metadata["default"]
        if default.replace(".", "").isdigit() or default in ("cleanup", "auto", "on", "off"):
            (start,) = (text.index(f"    {setting.name}: "),)
            assert default in text[start : text.index(")", start)]


def test_an_unknown_keyword_is_an_error_that_names_what_there_is():
    with pytest.raises(ValueError, match=r"unknown setting 'refresh_windows'.*refresh_window"):
        AuroraInstrumentor().instrument(refresh_windows=60)


def test_what_the_package_exports_is_there_and_explained():
    for name in aurora_otel.__all__:
        assert getattr(aurora_otel, name).__doc__
