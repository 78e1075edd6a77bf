import importlib
import importlib.util
import sys
import threading

import pytest

from aurora_otel.runtime.imports import (
    ImportHook,
    is_being_imported,
    is_being_imported_here,
    when_imported,
)

NAME = "module_that_is_imported"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The file of a module that can be imported as `NAME`, empty as yet."""
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / f"{NAME}.py"
    file.write_text("")
    yield file
    sys.modules.pop(NAME, None)


@pytest.fixture
def reported():
    """The modules that a hook has reported."""
    found = []
    hook = ImportHook({NAME}, lambda name, module: found.append((name, module)))
    hook.install()
    hook.install()
    yield found
    sys.meta_path.remove(hook)
    assert hook not in sys.meta_path


def test_an_import_is_reported_once_when_it_has_ended_and_each_reload(module, reported):
    module.write_text("value = 1")
    found = importlib.import_module(NAME)
    assert importlib.import_module(NAME) is found
    assert reported == [(NAME, found)]
    assert reported[0][1].value == 1
    importlib.reload(found)
    assert reported == [(NAME, found)] * 2


def test_a_module_is_left_with_its_own_loader(module, reported):
    found = importlib.import_module(NAME)
    assert type(found.__loader__).__name__ == "SourceFileLoader"
    assert found.__spec__.loader is found.__loader__
    assert found.__loader__.get_source(NAME) == ""


def test_finding_a_module_reports_nothing_and_its_loader_answers(module, reported):
    module.write_text("value = 1")
    spec = importlib.util.find_spec(NAME)
    assert spec.loader.get_source(NAME) == "value = 1"
    assert spec.origin == str(module)
    assert reported == []


def test_an_import_that_fails_is_not_reported(module, reported):
    module.write_text("raise ImportError('broken')")
    with pytest.raises(ImportError, match="broken"):
        importlib.import_module(NAME)
    assert reported == []
    assert not is_being_imported(NAME)


def test_a_module_that_does_not_exist_is_not_found(reported):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(NAME)
    assert reported == []


def test_two_hooks_on_one_module_both_report(module, reported):
    others = []
    other = ImportHook({NAME}, lambda name, _: others.append(name))
    other.install()
    try:
        importlib.import_module(NAME)
    finally:
        sys.meta_path.remove(other)
    assert (len(reported), others) == (1, [NAME])
    assert type(sys.modules[NAME].__loader__).__name__ == "SourceFileLoader"


def test_what_is_being_imported_is_known_to_all_threads_and_who_imports_it_to_that_one(module):
    module.write_text(
        "from tests.unit.test_imports import begun, ended\nbegun.set()\nended.wait(10)\n"
    )
    begun.clear()
    ended.clear()
    thread = threading.Thread(target=importlib.import_module, args=(NAME,))
    thread.start()
    assert begun.wait(10)
    assert is_being_imported(NAME)
    assert not is_being_imported_here(NAME)
    done = []
    waiting = when_imported(NAME, lambda: done.append(NAME in sys.modules))
    assert done == []
    ended.set()
    waiting.join(10)
    thread.join(10)
    assert done == [True]
    assert not is_being_imported(NAME)


def test_a_module_knows_that_it_is_being_imported_in_its_own_thread(module):
    module.write_text(
        "from aurora_otel.runtime.imports import is_being_imported_here\n"
        "def ask():\n"
        "    return is_being_imported_here(__name__)\n"
        "during = ask()\n"
    )
    found = importlib.import_module(NAME)
    assert found.during
    assert not found.ask()


begun, ended = threading.Event(), threading.Event()
