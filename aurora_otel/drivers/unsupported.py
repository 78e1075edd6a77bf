"""Drivers that aurora-otel does not support, which would otherwise go unnoticed.

Where one connects to Amazon RDS, that is reported once; nothing else is done about it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from aurora_otel.drivers.common.patching import wrap_innermost
from aurora_otel.runtime.imports import is_installed

_RDS = ".rds.amazonaws.com"


class Registration(NamedTuple):
    """A driver without a file of its own.

    Attributes:
        name: what it is called in the agent's messages.
        module: the module whose import by the application brings the driver in.
        connects: what connects, in `module`.
    """

    name: str
    module: str
    connects: tuple[str, ...]


REGISTRY = (
    Registration("PyGreSQL", "pgdb", ("connect",)),
    Registration("psqlpy", "psqlpy", ("connect", "connect_pool", "ConnectionPool")),
    Registration("pyodbc", "pyodbc", ("connect",)),
)


def installed() -> list[str]:
    """Return the names of those that are installed for their own sake: not as a part of another."""
    own = (each for each in REGISTRY if "." not in each.module)
    return [each.name for each in own if is_installed(each.module)]


def install(
    registration: Registration, module: ModuleType, connects_to_rds: Callable[[str], None]
) -> Callable[[], None]:
    """Watch what connects; return what undoes it.

    Args:
        registration: the driver.
        module: its module.
        connects_to_rds: is called with the driver's name when it connects to Amazon RDS.
    """

    def connect(
        wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if any(map(_names_rds, (*args, *kwargs.values()))):
            connects_to_rds(registration.name)
        return wrapped(*args, **kwargs)

    # The application may describe the driver as well: either is taken out wherever it is by then.
    there = [name for name in registration.connects if hasattr(module, name)]
    undos = [wrap_innermost(module, name, connect) for name in there]

    def undo() -> None:
        for each in undos:
            each()

    return undo


def _names_rds(argument: Any) -> bool:
    """Return whether an argument of a connect is the host, a DSN or a URL of an RDS endpoint."""
    return isinstance(argument, str) and _RDS in argument.lower()
