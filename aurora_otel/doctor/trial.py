"""A process that is instrumented as the application would be, and reports what came of it.

    python -m aurora_otel.doctor.trial

Which instrumentations load, what they wrap, and whether one of them ends the loading of the others,
is only known by doing it. It exports nothing: what would be exported where is reported, and then
left out.
"""

from __future__ import annotations

import functools
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points, packages_distributions, version
from typing import Any

from opentelemetry.environment_variables import (
    OTEL_LOGS_EXPORTER,
    OTEL_METRICS_EXPORTER,
    OTEL_TRACES_EXPORTER,
)
from opentelemetry.instrumentation.auto_instrumentation import initialize
from opentelemetry.instrumentation.environment_variables import OTEL_PYTHON_DISTRO

from aurora_otel import drivers, pools
from aurora_otel.instrumentor import patched, running_agent

MARK = "aurora-otel trial: "
_EXPORTERS = (OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER, OTEL_LOGS_EXPORTER)
_LOADER = "opentelemetry.instrumentation.auto_instrumentation"


class _Failures(logging.Handler):
    """Hears from the loader which entry points failed; what it says of them may quote anything."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.names: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the name of the entry point."""
        if record.exc_info and isinstance(record.args, tuple) and record.args:
            self.names.append(str(record.args[0]))


def main() -> None:
    """Instrument this process, and print what came of it as one line of JSON."""
    failures = _Failures()
    logging.getLogger(_LOADER).addHandler(failures)
    environ, error = {}, None
    try:
        _configure_distro()
        environ = {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}
        os.environ.update(dict.fromkeys(_EXPORTERS, "none"))
        initialize(swallow_exceptions=False)
    except Exception as failure:  # noqa: BLE001 - an instrumentation raises what it likes
        error = type(failure).__qualname__
    report = {
        "environ": environ,
        "active": running_agent() is not None,
        "failed": failures.names,
        "error": error,
        "drivers": [_driver(each) for each in drivers.REGISTRY],
        "pools": [_imported(each.name, each.module)[1] for each in pools.REGISTRY],
    }
    sys.stdout.write(f"\n{MARK}{json.dumps(report)}\n")
    sys.stdout.flush()
    # What was loaded may have started threads, or have something to say at exit.
    os._exit(0)


def _configure_distro() -> None:
    """Let the distro set its defaults, as `initialize` will do again."""
    wanted = os.environ.get(OTEL_PYTHON_DISTRO)
    for entry_point in entry_points(group="opentelemetry_distro"):
        if wanted in (None, entry_point.name):
            entry_point.load()().configure()
            return


def _driver(driver: drivers.Registration) -> dict[str, Any]:
    """Import a driver as the application does; return what it is like then."""
    module, report = _imported(driver.name, driver.module)
    if module is None:
        return report
    wrappers = list(_wrappers(module.connect, driver.module))
    return {**report, "system": driver.load().system, "wrappers": wrappers}


def _imported(name: str, module: str) -> tuple[Any, dict[str, Any]]:
    """Import a library; return it, and what it is like, or that it cannot be imported."""
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = module.startswith(error.name or " ")
        return None, {"name": name, "installed": not missing, "error": error.name}
    except Exception as error:  # noqa: BLE001 - a broken library raises what it likes
        return None, {"name": name, "installed": True, "error": type(error).__qualname__}
    found = {"version": _version(module), "patched": name in patched()}
    return imported, {"name": name, "installed": True, **found}


_distributions = functools.cache(packages_distributions)


def _version(module: str) -> str:
    """Return a library's version; a module's own `__version__` is not always true."""
    distributions = _distributions().get(module.partition(".")[0], ())
    return ", ".join(sorted({version(each) for each in distributions}))


def _wrappers(function: Callable[..., Any], driver: str) -> Iterator[str]:
    """Yield the modules that wrapped `function`, the outermost first."""
    while (inner := getattr(function, "__wrapped__", None)) is not None:
        # wrapt keeps the wrapper; functools.wraps copies all but the globals.
        wrapper = getattr(function, "_self_wrapper", function)
        module = str(getattr(wrapper, "__globals__", {}).get("__name__", "unknown"))
        if not module.startswith((f"{driver}.", "aurora_otel.")):
            yield module
        function = inner


if __name__ == "__main__":
    main()
