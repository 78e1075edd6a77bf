"""What has to be said of a PEP 249 driver that has no file of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any

from aurora_otel.drivers import libpq, mysql_family

# `db.system.name`, and where its servers usually listen.
PORTS = {"postgresql": libpq.DEFAULT_PORT, "mysql": mysql_family.DEFAULT_PORT}

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_FUNCTIONS = {"fileno": "a connection", "error_code": "an exception", "backend_id": "a connection"}
_ARGUMENTS = ("host", "port", "connect_timeout")


@dataclass(frozen=True, slots=True)
class Traits:
    """What PEP 249 does not say of a driver.

    Attributes:
        name: `aurora.driver`.
        system: `db.system.name`, one of `PORTS`.
        fileno: returns the descriptor of a connection's socket, or the socket.
        error_code: returns an error's SQLSTATE (PostgreSQL) or number (MySQL), if it has one;
            `None`: it is where drivers usually have it.
        backend_id: returns the server's number for the session as the login handed it out.
        host: the name of connect's argument for the host.
        port: the name of connect's argument for the port.
        connect_timeout: the name of connect's argument for a time-out in seconds, if it has one.

    Raises:
        TypeError: one is of another type.
        ValueError: one has a value that is not allowed.
    """

    name: str
    system: str
    fileno: Callable[[Any], Any]
    error_code: Callable[[Any], Any] | None = None
    backend_id: Callable[[Any], Any] | None = None
    host: str = "host"
    port: str = "port"
    connect_timeout: str | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            if field.name in _FUNCTIONS:
                _check(callable(value), TypeError, field.name, value, self._allowed(field.name))
            else:
                _check(isinstance(value, str), TypeError, field.name, value, "a string")
        _check(
            self.system in PORTS, ValueError, "system", self.system, " or ".join(map(repr, PORTS))
        )
        allowed = "up to 64 of a-z, 0-9, '.', '_' and '-'"
        _check(bool(_NAME.fullmatch(self.name)), ValueError, "name", self.name, allowed)
        for name in _ARGUMENTS:
            value = getattr(self, name)
            allowed = "the name of an argument of connect"
            _check(value is None or value.isidentifier(), ValueError, name, value, allowed)

    @staticmethod
    def _allowed(name: str) -> str:
        return f"a function of {_FUNCTIONS[name]}"


def check_module(module: Any) -> None:
    """Make sure that `module` is a PEP 249 driver's.

    Raises:
        TypeError: it is not.
    """
    error = getattr(module, "Error", None)
    fits = (
        isinstance(module, ModuleType)
        and callable(getattr(module, "connect", None))
        and isinstance(error, type)
        and issubclass(error, Exception)
    )
    allowed = "a module with PEP 249's connect and Error"
    _check(fits, TypeError, "module", module, allowed)


def _check(fits: bool, kind: type[Exception], name: str, value: Any, allowed: str) -> None:  # noqa: FBT001
    if not fits:
        raise kind(f"{name}={value!r} is not valid: allowed is {allowed}")
