"""Settings: what can be set, by argument of `instrument()` or by environment variable.

Every setting is an argument (lower case) and a variable `AURORA_OTEL_<NAME>`; the argument wins.
A bad argument raises. A bad variable is logged and its default is used: raising under
`opentelemetry-instrument` would leave the application without every later instrumentation.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from aurora_otel.model.endpoints import Address, EndpointMap, HostTemplate, normalise, parse

PREFIX = "AURORA_OTEL_"
# The lab's own variables, which an application that is started beside it inherits.
_OF_THE_LAB = PREFIX + "LAB_"
# More than a year is never meant; locks and queues refuse time-outs that are too long.
_LONGEST = 366 * 86400
_logger = logging.getLogger(__name__)


class Mode(str, Enum):
    """What is done about a stale connection."""

    CLEANUP = "cleanup"
    OBSERVE = "observe"


class RdsApiUse(str, Enum):
    """Whether the RDS API may be asked."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class QuerySpans(str, Enum):
    """Whether we make query spans of our own, and what of the statement they show."""

    OFF = "off"
    SUMMARY = "summary"
    TEXT = "text"


class InvalidValueError(ValueError):
    """A value that is not allowed; the message says what is."""


def _number(*, above_zero: bool) -> Callable[[Any], float]:
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


def _choice(choices: type[Enum]) -> Callable[[Any], Any]:
    allowed = " or ".join(f"'{choice.value}'" for choice in choices)

    def parse(value: Any) -> Enum:
        try:
            return choices(value.strip().lower() if isinstance(value, str) else value)
        except ValueError:
            raise InvalidValueError(allowed) from None

    return parse


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


_HOST = r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.%a-z]+\]"
_ADDRESS = re.compile(rf"(?P<host>{_HOST})(?::(?P<port>\d{{1,5}}))?")
_INSTANCE = re.compile(r"[a-z][a-z0-9-]*")
_MAX_PORT = 65535


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


def _instance_endpoints(value: Any) -> dict[str, Address]:
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


def _host_template(value: Any) -> HostTemplate | None:
    allowed = "a host name with one '?' for the instance identifier, as '?.db.example.com:5432'"
    if value is None or value == "":
        return None
    if not isinstance(value, str) or value.count("?") != 1 or "[" in value:
        raise InvalidValueError(allowed)
    address = _address(value.replace("?", "x"), allowed, port_needed=False)
    pattern = normalise(value.partition(":")[0])
    return HostTemplate(pattern, address.port or None)


def _writer_endpoints(value: Any) -> frozenset[Address]:
    allowed = "host names, each with or without ':port', separated by commas"
    return frozenset(_address(part, allowed, port_needed=False) for part in _split(value, allowed))


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


def _cluster_names(value: Any) -> ClusterNames:
    allowed = "a name of up to 128 letters, digits, '.', '_' and '-', or 'host=name', …"
    names: dict[str, str] = {}
    for part in _split(value, allowed):
        host, equals, name = part.rpartition("=")
        key = _host(host, allowed) if equals else ""
        if not re.fullmatch(r"[\w.-]{1,128}", name.strip()) or key in names:
            raise InvalidValueError(allowed)
        names[key] = name.strip()
    return ClusterNames(names)


def _drivers(value: Any) -> frozenset[str] | None:
    from aurora_otel.drivers import NAMES  # noqa: PLC0415 - it imports nothing of a driver

    allowed = "names out of " + ", ".join(NAMES)
    if value is None:
        return None
    chosen = frozenset(part.lower() for part in _split(value, allowed))
    if not chosen or not chosen <= set(NAMES):
        raise InvalidValueError(allowed)
    return chosen


@dataclass(frozen=True, slots=True)
class BadVariable:
    """An environment variable that does not count.

    Attributes:
        name: its name.
        value: its value.
        near: the variable of a similar name, if this one is unknown and there is one.
        allowed: what is allowed, if it is known.
        default: what counts instead.
    """

    name: str
    value: str
    near: str | None = None
    allowed: str | None = None
    default: str | None = None

    def __str__(self) -> str:
        if self.allowed is None:
            hint = f"; did you mean {self.near}?" if self.near else ""
            return f"unknown environment variable {self.name} is ignored{hint}"
        return (
            f"environment variable {self.name}={self.value!r} is not valid: "
            f"allowed is {self.allowed}; the default is used: {self.default}"
        )


def _setting(default: Any, parse: Callable[[Any], Any], meaning: str, shown: str = "") -> Any:
    metadata = {"parse": parse, "meaning": meaning, "default": shown or str(default)}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, validated. The meaning of each stands in the metadata of its field."""

    mode: Mode = _setting(
        Mode.CLEANUP,
        _choice(Mode),
        "`cleanup` invalidates stale connections, `observe` only counts them",
        "cleanup",
    )
    drivers: frozenset[str] | None = _setting(
        None, _drivers, "comma-separated names of the drivers to patch", "all installed"
    )
    prune_interval: float = _setting(
        30.0, _number(above_zero=True), "seconds between two rounds of pruning", "30"
    )
    refresh_window: float = _setting(
        180.0,
        _number(above_zero=True),
        "seconds after a symptom in which calls may refresh the topology first",
        "180",
    )
    refresh_interval: float = _setting(
        1.0,
        _number(above_zero=True),
        "seconds between two refreshes of a cluster in that window; they become rarer",
        "1",
    )
    refresh_timeout: float = _setting(
        1.0, _number(above_zero=True), "seconds that a call may wait for a refresh", "1"
    )
    instance_host_template: HostTemplate | None = _setting(
        None, _host_template, "how a custom domain names instances: `?.db.example.com:5432`", "none"
    )
    instance_endpoints: Mapping[str, Address] = _setting(
        dict,
        _instance_endpoints,
        "`id=host:port,…`, where names do not lead to instances; the id or the whole RDS name",
        "none",
    )
    rds_api: RdsApiUse = _setting(
        RdsApiUse.AUTO,
        _choice(RdsApiUse),
        "`auto` asks the RDS API where SQL cannot answer and credentials exist, `on` also for "
        "names and events of clusters, `off` never",
        "auto",
    )
    identify_timeout: float = _setting(
        0.5,
        _number(above_zero=True),
        "seconds that identifying the instance of a new connection may take",
        "0.5",
    )
    stuck_after: float = _setting(
        10.0,
        _number(above_zero=False),
        "seconds after which a call in flight makes the background loop refresh; 0: never",
        "10",
    )
    writer_endpoints: frozenset[Address] = _setting(
        frozenset(),
        _writer_endpoints,
        "comma-separated host names that mean the writer (private names, tunnels)",
        "none",
    )
    cluster_id: ClusterNames = _setting(
        ClusterNames,
        _cluster_names,
        "name of the cluster in telemetry, or `host=name,…` for several",
        "from the endpoint",
    )
    query_spans: QuerySpans = _setting(
        QuerySpans.OFF,
        _choice(QuerySpans),
        "query spans of our own: `off`, `summary` (the operation only) or `text`",
        "off",
    )

    @property
    def endpoints(self) -> EndpointMap:
        """What the settings say of host names."""
        return EndpointMap(
            self.instance_endpoints, self.instance_host_template, self.writer_endpoints
        )

    @staticmethod
    def resolve(arguments: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings that `arguments` and the environment amount to.

        Args:
            arguments: by lower-case name.
            environ: the environment.

        Raises:
            ValueError: an argument is unknown or has a value that is not allowed; the message
                names it, its value and what is allowed.
        """
        values, refused = _from_environment(environ)
        for variable in refused:
            _logger.error("%s", variable)
        known = {setting.name: setting for setting in fields(Settings)}
        for name, value in arguments.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}: allowed are {', '.join(known)}")
            try:
                values[name] = known[name].metadata["parse"](value)
            except InvalidValueError as error:
                raise ValueError(f"{name}={value!r} is not valid: allowed is {error}") from None
        return Settings(**values)


def refused_variables(environ: Mapping[str, str]) -> list[BadVariable]:
    """Return the variables of `environ` that do not count, and why."""
    return _from_environment(environ)[1]


def _from_environment(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[BadVariable]]:
    values: dict[str, Any] = {}
    refused: list[BadVariable] = []
    known = {PREFIX + setting.name.upper(): setting for setting in fields(Settings)}
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable.startswith(_OF_THE_LAB):
            continue
        if not value.strip():
            continue
        if variable not in known:
            near = difflib.get_close_matches(variable, known, n=1)
            refused.append(BadVariable(variable, value, near=near[0] if near else None))
            continue
        setting = known[variable]
        try:
            values[setting.name] = setting.metadata["parse"](value)
        except InvalidValueError as error:
            default = setting.metadata["default"]
            refused.append(BadVariable(variable, value, allowed=str(error), default=default))
    return values, refused
