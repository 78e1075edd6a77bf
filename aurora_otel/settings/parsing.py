"""The values of settings, as they are written in variables or given as arguments.

Each function takes either form, and raises `InvalidValueError` for what is not allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from typing import Any

from aurora_otel.model.endpoints import Address, HostTemplate, normalise, parse

# More than a year is never meant; locks and queues refuse time-outs that are too long.
_LONGEST = 366 * 86400
_HOST = r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.%a-z]+\]"
_ADDRESS = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}))?")
_INSTANCE = re.compile(r"[a-z][a-z0-9-]*")
_MAX_PORT = 65535


class InvalidValueError(ValueError):
    """A value that is not allowed; the message says what is."""


@dataclass(frozen=True, slots=True)
class ClusterNames:
    """What clusters are called in telemetry.

    Attributes:
        by_host: names by a host that leads to the cluster; the key `""` means every cluster.
    """

    by_host: Mapping[str, str] = field(default_factory=dict)

    def of(self, host: str) -> str | None:
        """Return the name of the cluster behind `host` (normalised), if one is set."""
        return self.by_host.get(host) or self.by_host.get("")


def seconds(*, above_zero: bool) -> Callable[[Any], float]:
    """Return what reads a number of seconds.

    Args:
        above_zero: whether 0 is not allowed.
    """
    allowed = f"a number of seconds {'above' if above_zero else 'from'} 0, at most {_LONGEST}"

    def parse(value: Any) -> float:
        try:
            number = float("nan") if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if not 0 <= number <= _LONGEST or (above_zero and number == 0):
            raise InvalidValueError(allowed)
        return number

    return parse


def choice(choices: type[Enum]) -> Callable[[Any], Any]:
    """Return what reads one of `choices`, in any case of letters."""
    allowed = " or ".join(f"'{choice.value}'" for choice in choices)

    def parse(value: Any) -> Enum:
        if isinstance(value, bool):
            # So YAML reads `on` and `off`.
            value = "on" if value else "off"
        try:
            return choices(value.strip().lower() if isinstance(value, str) else value)
        except ValueError:
            raise InvalidValueError(allowed) from None

    return parse


def instance_endpoints(value: Any) -> dict[str, Address]:
    """Return the addresses of instances by their identifiers, or by their whole RDS names."""
    allowed = "'id=host:port', several separated by commas"
    endpoints: dict[str, Address] = {}
    for part in _split(value, allowed):
        instance, _, address = part.partition("=")
        instance = instance.strip().lower()
        is_name = _INSTANCE.fullmatch(instance) or parse(instance, 0).instance
        if not is_name or instance in endpoints:
            raise InvalidValueError(allowed)
        endpoints[instance] = _address(address.strip(), allowed, port_needed=True)
    return endpoints


def host_template(value: Any) -> HostTemplate | None:
    """Return how a custom domain names instances; `None` for an empty value."""
    allowed = "a host name with one '?' for the instance identifier, as '?.db.example.com:5432'"
    if value is None or value == "":
        return None
    if not isinstance(value, str) or value.count("?") != 1 or "[" in value:
        raise InvalidValueError(allowed)
    address = _address(value.replace("?", "x"), allowed, port_needed=False)
    pattern = normalise(value.partition(":")[0])
    return HostTemplate(pattern, address.port or None)


def hosts(value: Any) -> frozenset[Address]:
    """Return the addresses of a list of hosts; port 0 stands for any."""
    allowed = "host names, each with or without ':port', separated by commas"
    return frozenset(_address(part, allowed, port_needed=False) for part in _split(value, allowed))


def members(value: Any) -> tuple[frozenset[Address], ...]:
    """Return the addresses of the members of each cluster; port 0 stands for the application's."""
    allowed = (
        "host names, each with or without ':port', separated by commas; one cluster's are parted "
        "from the next one's by ';'"
    )
    groups = value.split(";") if isinstance(value, str) else [value]
    found = (
        frozenset(_address(part, allowed, port_needed=False) for part in _split(group, allowed))
        for group in groups
    )
    return tuple(each for each in found if each)


def cluster_names(value: Any) -> ClusterNames:
    """Return what clusters are called in telemetry."""
    allowed = "a name of up to 128 letters, digits, '.', '_' and '-', or 'host=name', …"
    names: dict[str, str] = {}
    for part in _split(value, allowed):
        host, equals, name = part.rpartition("=")
        key = _host(host, allowed) if equals else ""
        if not re.fullmatch(r"[\w.-]{1,128}", name.strip()) or key in names:
            raise InvalidValueError(allowed)
        names[key] = name.strip()
    return ClusterNames(names)


def path(value: Any) -> str | None:
    """Return the path of a file; `None` for an empty value."""
    if value is None or value == "":
        return None
    text = str(value).strip() if isinstance(value, (str, PurePath)) else ""
    if not PurePath(text).is_absolute() or "\0" in text:
        raise InvalidValueError("the absolute path of a file")
    return text


def drivers(value: Any) -> frozenset[str] | None:
    """Return the names of the drivers to patch; `None`: all."""
    from aurora_otel.drivers import NAMES  # noqa: PLC0415 - it imports nothing of a driver

    allowed = "names out of " + ", ".join(NAMES)
    if value is None:
        return None
    chosen = frozenset(part.lower() for part in _split(value, allowed))
    if not chosen or not chosen <= set(NAMES):
        raise InvalidValueError(allowed)
    return chosen


def _split(value: Any, allowed: str) -> list[str]:
    """Split a comma-separated string, or take a list of strings as it is."""
    parts = value.split(",") if isinstance(value, str) else value
    if isinstance(parts, Mapping):
        parts = [f"{key}={item}" for key, item in parts.items()]
    if not isinstance(parts, (list, tuple, set, frozenset)):
        raise InvalidValueError(allowed)
    if not all(isinstance(part, str) for part in parts):
        raise InvalidValueError(allowed)
    return [part.strip() for part in parts if part.strip()]


def _address(text: str, allowed: str, *, port_needed: bool) -> Address:
    found = _ADDRESS.fullmatch(normalise(text))
    if not found or (port_needed and not found["port"]):
        raise InvalidValueError(allowed)
    port = int(found["port"] or 0)
    if port > _MAX_PORT or (port_needed and port == 0):
        raise InvalidValueError(allowed)
    return Address(normalise(found["host"]).strip("[]"), port)


def _host(text: str, allowed: str) -> str:
    if text.strip().startswith("/"):
        return normalise(text)  # the directory of a Unix socket
    host, port = _address(text, allowed, port_needed=False)
    if port:
        raise InvalidValueError(allowed)
    return host
