"""Settings: what can be set, by argument of `instrument()` or by environment variable.

Every setting is an argument (lower case) and a variable `AURORA_OTEL_<NAME>`; the argument wins.
A bad argument raises. A bad variable is logged and its default is used: raising under
`opentelemetry-instrument` would leave the application without every later instrumentation.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from aurora_otel.model.endpoints import Address, EndpointMap, HostTemplate
from aurora_otel.settings import parsing
from aurora_otel.settings.parsing import ClusterNames, InvalidValueError

PREFIX = "AURORA_OTEL_"
# The lab's own variables, which an application that is started beside it inherits.
_OF_THE_LAB = PREFIX + "LAB_"
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


class StraightConnects(str, Enum):
    """Whether connects may go straight to the writer while its endpoint's name leads elsewhere."""

    ON = "on"
    OFF = "off"


class QuerySpans(str, Enum):
    """Whether the agent makes query spans of its own, and what of the statement they show."""

    OFF = "off"
    SUMMARY = "summary"
    TEXT = "text"


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
        parsing.choice(Mode),
        "`cleanup` invalidates stale connections, `observe` only counts them",
        "cleanup",
    )
    drivers: frozenset[str] | None = _setting(
        None, parsing.drivers, "comma-separated names of the drivers to patch", "all installed"
    )
    prune_interval: float = _setting(
        30.0, parsing.seconds(above_zero=True), "seconds between two rounds of pruning", "30"
    )
    refresh_window: float = _setting(
        180.0,
        parsing.seconds(above_zero=True),
        "seconds after a symptom in which calls may refresh the topology first",
        "180",
    )
    refresh_interval: float = _setting(
        1.0,
        parsing.seconds(above_zero=True),
        "seconds between two refreshes of a cluster in that window; they become rarer",
        "1",
    )
    refresh_timeout: float = _setting(
        1.0, parsing.seconds(above_zero=True), "seconds that a call may wait for a refresh", "1"
    )
    instance_host_template: HostTemplate | None = _setting(
        None,
        parsing.host_template,
        "how a custom domain names instances: `?.db.example.com:5432`",
        "none",
    )
    instance_endpoints: Mapping[str, Address] = _setting(
        dict,
        parsing.instance_endpoints,
        "`id=host:port,…`, where names do not lead to instances; the id or the whole RDS name",
        "none",
    )
    rds_api: RdsApiUse = _setting(
        RdsApiUse.AUTO,
        parsing.choice(RdsApiUse),
        "`auto` asks the RDS API where SQL cannot answer and credentials exist, `on` also for "
        "names and events of clusters, `off` never",
        "auto",
    )
    identify_timeout: float = _setting(
        0.5,
        parsing.seconds(above_zero=True),
        "seconds that identifying the instance of a new connection may take",
        "0.5",
    )
    stuck_after: float = _setting(
        10.0,
        parsing.seconds(above_zero=False),
        "seconds after which a call in flight makes the background loop refresh; 0: never",
        "10",
    )
    writer_endpoints: frozenset[Address] = _setting(
        frozenset(),
        parsing.writer_endpoints,
        "comma-separated host names that mean the writer (private names, tunnels)",
        "none",
    )
    cluster_id: ClusterNames = _setting(
        ClusterNames,
        parsing.cluster_names,
        "name of the cluster in telemetry, or `host=name,…` for several",
        "from the endpoint",
    )
    straight_connects: StraightConnects = _setting(
        StraightConnects.ON,
        parsing.choice(StraightConnects),
        "`on` connects straight to the confirmed writer while the writer endpoint's name may lead "
        "elsewhere, in `cleanup` alone; `off` never",
        "on",
    )
    query_spans: QuerySpans = _setting(
        QuerySpans.OFF,
        parsing.choice(QuerySpans),
        "query spans of our own: `off`, `summary` (the operation only) or `text`",
        "off",
    )

    @property
    def may_go_straight(self) -> bool:
        """Whether connects may go straight to the writer."""
        return self.mode is Mode.CLEANUP and self.straight_connects is StraightConnects.ON

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
