"""What has to be said of a PEP 249 driver that has no file of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from aurora_otel.drivers.common import libpq, mysql_family

# `db.system.name`, and where its servers usually listen.
PORTS = {"postgresql": libpq.DEFAULT_PORT, "mysql": mysql_family.DEFAULT_PORT}

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_NAMES = "up to 64 of a-z, 0-9, '.', '_' and '-'"
_ARGUMENT = "the name of an argument of connect"


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
        connect_timeout: the name of connect's argument for a time-out in seconds, if it has one; or
            the names of those that together limit how long a server may be silent.

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
    connect_timeout: str | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check_function("fileno", self.fileno, "a connection")
        if self.error_code is not None:
            _check_function("error_code", self.error_code, "an exception")
        if self.backend_id is not None:
            _check_function("backend_id", self.backend_id, "a connection")
        _check_string("system", self.system, PORTS.__contains__, " or ".join(map(repr, PORTS)))
        _check_string("name", self.name, _NAME.fullmatch, _NAMES)
        _check_string("host", self.host, str.isidentifier, _ARGUMENT)
        _check_string("port", self.port, str.isidentifier, _ARGUMENT)
        for each in self.connect_timeouts:
            _check_string("connect_timeout", each, str.isidentifier, _ARGUMENT)

    @property
    def connect_timeouts(self) -> tuple[str, ...]:
        """The names of all arguments that take the time-out of a connect."""
        if self.connect_timeout is None:
            return ()
        if isinstance(self.connect_timeout, tuple):
            return self.connect_timeout
        return (self.connect_timeout,)


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
    if not fits:
        raise TypeError(_message("module", module, "a module with PEP 249's connect and Error"))


def _check_function(name: str, value: Any, argument: str) -> None:
    if not callable(value):
        raise TypeError(_message(name, value, f"a function of {argument}"))


def _check_string(name: str, value: Any, fits: Callable[[str], Any], allowed: str) -> None:
    if not isinstance(value, str):
        raise TypeError(_message(name, value, "a string"))
    if not fits(value):
        raise ValueError(_message(name, value, allowed))


def _message(name: str, value: Any, allowed: str) -> str:
    return f"{name}={value!r} is not valid: allowed is {allowed}"
