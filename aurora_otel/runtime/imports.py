"""Notice that a module was imported, or reloaded; and that one is being imported right now.

An import holds a lock of the module's, and the agent's code that it calls imports more. So nothing
is waited for here under a lock, and no import is begun: what another thread is importing is acted
on when that import has ended, by a thread that checks now and then.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import FrameType, ModuleType
from typing import Any

# Between two checks of an import: seconds.
_STEP = 0.002


class ImportHook:
    """A finder that has each import of some modules followed by a call, reloads included.

    Args:
        names: of the modules.
        imported: called with name and module, in the thread that imports it; does not raise.
    """

    def __init__(self, names: Collection[str], imported: Callable[[str, ModuleType], None]) -> None:
        self._names = frozenset(names)
        self._imported = imported
        # Threads that are asking the other finders: one of these may ask all finders again.
        self._asking: set[tuple[int, str]] = set()

    def install(self) -> None:
        """Be asked from now on; first, unless it is asked already."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find, with a loader that reports."""
        asking = threading.get_ident(), fullname
        if fullname not in self._names or asking in self._asking:
            return None
        self._asking.add(asking)
        try:
            spec = self._found_by_others(fullname, path, target)
        finally:
            self._asking.discard(asking)
        # Without `exec_module` it is a loader of an old kind, or a package without a file.
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Reporting(spec.loader, functools.partial(self._imported, fullname))  # type: ignore[assignment]
        return spec

    def _found_by_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            ask = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None
            if finder is not self and ask is not None:
                spec = ask(fullname, path, target)
            if spec is not None:
                return spec
        return None


class _Reporting:
    """A loader that reports the module once it is loaded; only until then in its place."""

    def __init__(self, loader: Any, imported: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._imported = imported

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        spec: Any = module.__spec__
        if getattr(spec, "loader", None) is self:
            spec.loader = self._loader
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._imported(module)


def is_being_imported(name: str) -> bool:
    """Return whether a thread is importing module `name` right now."""
    module = sys.modules.get(name)
    if module is None:
        # It is not there yet, or no longer; the lock of an import is.
        locks: Mapping[str, Any] = getattr(importlib._bootstrap, "_module_locks", {})  # noqa: SLF001 - nothing public shows it
        return name in locks
    # What the interpreter itself goes by. What is no module may be anything, such as a mock.
    spec = getattr(module, "__spec__", None) if issubclass(type(module), ModuleType) else None
    return getattr(spec, "_initializing", False) is True


def is_being_imported_here(name: str) -> bool:
    """Return whether the current thread imports module `name`: it cannot wait for the end."""
    return any(
        frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == name
        for frame in _frames()
    )


def when_imported(name: str, then: Callable[[], None]) -> threading.Thread | None:
    """Call `then` on a thread of its own once module `name` is no longer being imported.

    Returns:
        the thread; `None` if the interpreter is shutting down.
    """

    def wait() -> None:
        while is_being_imported(name):
            time.sleep(_STEP)
        then()

    thread = threading.Thread(target=wait, name="aurora-otel-import", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    return thread


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - of this thread
    while frame is not None:
        yield frame
        frame = frame.f_back


def is_installed(module: str) -> bool:
    """Return whether the package that `module` is in can be imported, without importing it."""
    package = module.partition(".")[0]
    if package in sys.modules:
        return sys.modules[package] is not None
    try:
        # Not `importlib.util.find_spec`: it takes the lock of all imports, which a thread may hold
        # that waits for this one.
        return PathFinder.find_spec(package) is not None
    except Exception:  # noqa: BLE001 - a finder of the application's raises what it likes
        return False
