"""The libraries of drivers and pools: patched once they are imported, by the agent in force."""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType

from aurora_otel import drivers, pools
from aurora_otel.agent import Agent
from aurora_otel.drivers import dbapi, unsupported
from aurora_otel.drivers.protocol import Traced
from aurora_otel.runtime.imports import (
    ImportHook,
    is_being_imported,
    is_being_imported_here,
    is_installed,
    when_imported,
)
from aurora_otel.settings import Settings
from aurora_otel.telemetry import log, upstream
from aurora_otel.telemetry.reports import UnsupportedReport

_Registration = (
    drivers.Registration | pools.Registration | unsupported.Registration | upstream.Registration
)
_REGISTRY: tuple[_Registration, ...] = (
    *drivers.REGISTRY,
    *pools.REGISTRY,
    *unsupported.REGISTRY,
    *upstream.REGISTRY,
)
# Neither drivers nor pools.
_OTHERS = frozenset(each.name for each in (*unsupported.REGISTRY, *upstream.REGISTRY))
_NAMES = tuple(registration.name for registration in _REGISTRY)
# How long `instrument()` waits for what other threads are importing: seconds.
_LONGEST_IMPORT = 2.0


class Libraries:
    """What is patched, and on whose behalf."""

    def __init__(self) -> None:
        # Held for single steps, and never where something is imported.
        self._lock = threading.RLock()
        self._agent: Agent | None = None
        self._traced: Traced | None = None
        # What is being patched, by whichever thread, and how often what decides on it has changed.
        self._patching: set[str] = set()
        self._generation = 0
        # What was found in the place of a library and is none.
        self._strangers: set[str] = set()
        # Which drivers that are not supported were reported.
        self._reported: set[str] = set()
        self._undo: dict[str, Callable[[], None]] = {}
        # By name, the modules that the application has described.
        self._others: dict[str, dbapi.Adapter] = {}
        names = {registration.module for registration in _REGISTRY}
        self._hook = ImportHook(names, self._imported)

    @property
    def patched(self) -> frozenset[str]:
        """The names of the drivers and pools that are patched now."""
        return frozenset(self._undo) - _OTHERS

    def report_to(self, agent: Agent | None, traced: Traced | None, *, repatch: bool) -> None:
        """Have what is patched from now on report to `agent`; `None`: patch nothing.

        Args:
            agent: the one in force.
            traced: makes query spans, if they are wanted.
            repatch: whether what is patched already has to be patched again.
        """
        with self._lock:
            self._agent, self._traced = agent, traced
            if repatch:
                self._generation += 1
                while self._undo:
                    _, undo = self._undo.popitem()
                    undo()
            for other in self._others.values():
                self._patch_other(other)

    def add(self, driver: dbapi.Adapter) -> None:
        """Patch a driver that the application has described, now and with each agent.

        Raises:
            ValueError: its name is another driver's.
        """
        with self._lock:
            # Of what is said of one module, the last counts.
            others = [name for name, one in self._others.items() if one.module is driver.module]
            if driver.name in {*_NAMES, *self._others} - {*others}:
                raise ValueError(f"name={driver.name!r} is not valid: it is another driver's")
            for name in others:
                del self._others[name]
                self._undo.pop(name, lambda: None)()
            self._others[driver.name] = driver
            self._patch_other(driver)

    def after_fork_in_child(self) -> None:
        """Forget the threads that do not exist here: one may have held the lock, or patched."""
        self._lock = threading.RLock()
        self._patching = set()
        self._reported = set()

    def installed(self, settings: Settings) -> tuple[list[str], list[str]]:
        """Return the libraries that are installed: those that are patched, and those that are not.

        Args:
            settings: which drivers are chosen.
        """
        chosen = settings.drivers
        patched = [each.name for each in pools.REGISTRY if is_installed(each.module)]
        patched[:0] = [
            each.name
            for each in drivers.REGISTRY
            if (chosen is None or each.name in chosen) and is_installed(each.module)
        ]
        return patched, unsupported.installed()

    # Without the lock: what is patched is imported, and the thread that imports it may want it.

    def patch_all(self) -> None:
        """Patch what is imported; what other threads are importing, as soon as they have."""
        self._hook.install()
        pending = []
        for registration in _REGISTRY:
            if is_being_imported(registration.module):
                patch = functools.partial(self._patch_if_imported, registration)
                thread = when_imported(registration.module, patch)
                if thread is not None and not is_being_imported_here(registration.module):
                    pending.append(thread)
            else:
                self._patch_if_imported(registration)
        deadline = time.monotonic() + _LONGEST_IMPORT
        for thread in pending:
            # It may be waiting for something that this thread holds.
            thread.join(max(0.0, deadline - time.monotonic()))

    def _imported(self, name: str, module: ModuleType) -> None:
        """Patch what was imported, and again what was reloaded."""
        for registration in _REGISTRY:
            if registration.module == name:
                self._patch(registration, module, again=True)

    def _patch_if_imported(self, registration: _Registration) -> None:
        module = sys.modules.get(registration.module)
        if module is not None:
            self._patch(registration, module)

    def _patch(
        self, registration: _Registration, module: ModuleType, *, again: bool = False
    ) -> None:
        name = registration.name
        with self._lock:
            agent, generation = self._agent, self._generation
            before = self._undo.pop(name, None) if again else None
            if agent is None or name in self._undo or name in self._patching:
                return
            self._patching.add(name)
        undo, is_current = None, True
        try:
            if before is not None:
                agent.shield.run(f"take the patches off {name}", before)
            undo = agent.shield.run(f"patch {name}", self._install, agent, registration, module)
        finally:
            with self._lock:
                self._patching.discard(name)
                is_current = self._generation == generation
                if undo is not None and is_current:
                    self._undo[name] = undo
        if not is_current:
            if undo is not None:
                undo()
            self._patch(registration, module)

    def _install(
        self, agent: Agent, registration: _Registration, module: ModuleType
    ) -> Callable[[], None] | None:
        if not self._is_the_library(registration, module):
            return None
        if isinstance(registration, unsupported.Registration):
            report = functools.partial(self._connects_to_rds, agent, module)
            return unsupported.install(registration, module, report)
        if isinstance(registration, upstream.Registration):
            return registration.install(module)
        if isinstance(registration, pools.Registration):
            return registration.load().install(module, agent.hooks)
        if agent.settings.drivers is None or registration.name in agent.settings.drivers:
            return registration.load().install(module, agent.hooks, self._traced)
        return None

    def _connects_to_rds(self, agent: Agent, module: ModuleType, driver: str) -> None:
        """Report a driver that is not supported, unless the application has described it."""
        described = any(other.module is module for other in self._others.values())
        if driver not in self._reported and not described:
            self._reported.add(driver)
            agent.report(UnsupportedReport(driver))

    def _is_the_library(self, registration: _Registration, module: ModuleType) -> bool:
        """Return whether a module is the library, and nothing that was put in its place."""
        if issubclass(type(module), ModuleType):
            # `pymysql.install_as_MySQLdb()` puts itself in the other's place.
            return module.__name__ == registration.module
        if registration.module not in self._strangers:
            self._strangers.add(registration.module)
            log.no_module(registration.module, type(module).__qualname__)
        return False

    def _patch_other(self, driver: dbapi.Adapter) -> None:
        agent = self._agent
        if agent is not None and driver.name not in self._undo:
            undo = agent.shield.run(
                f"patch {driver.name}", driver.install, driver.module, agent.hooks, self._traced
            )
            if undo is not None:
                self._undo[driver.name] = undo
