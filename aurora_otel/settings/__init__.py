"""Settings: what can be set, and where.

Every setting is an argument of `instrument()` (lower case), a key of OpenTelemetry's configuration
file and a variable `AURORA_OTEL_<NAME>`; the argument wins over the file, and the file over the
variable. A bad argument raises. Anything else that is bad is logged and its default is used:
raising under `opentelemetry-instrument` would leave the application without every later
instrumentation. For a mode that cannot be understood, it is `observe`, which closes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, NamedTuple

from aurora_otel.model.endpoints import Address, EndpointMap, HostTemplate
from aurora_otel.settings import configuration_file, logged, parsing, sources
from aurora_otel.settings.configuration_file import UnreadableError
from aurora_otel.settings.parsing import ClusterNames
from aurora_otel.settings.sources import PREFIX, BadSetting, Origin

__all__ = [
    "PREFIX",
    "BadSetting",
    "ClusterNames",
    "Mode",
    "Origin",
    "QuerySpans",
    "RdsApiUse",
    "Resolved",
    "Settings",
    "StraightConnects",
    "resolve",
]


class Mode(str, Enum):
    """What is done about a stale connection."""

    CLEANUP = "cleanup"
    OBSERVE = "observe"
    OFF = "off"


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
        "`cleanup` invalidates stale connections, `observe` only counts them, `off` does nothing",
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
        parsing.hosts,
        "comma-separated host names that mean the writer (private names, tunnels)",
        "none",
    )
    single_endpoints: frozenset[Address] = _setting(
        frozenset(),
        parsing.hosts,
        "comma-separated host names behind each of which is one server at a time, whose address "
        "changes with a failover",
        "none",
    )
    members: tuple[frozenset[Address], ...] = _setting(
        (),
        parsing.members,
        "where the members of a primary with standbys are, the application's own host among "
        "them: `host:port,…`; `;` before those of another cluster",
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
        "query spans of the agent's own: `off`, `summary` (the operation only) or `text`",
        "off",
    )
    kill_switch: str | None = _setting(
        None,
        parsing.path,
        "absolute path of a file: while it exists, the mode is `observe`, within a second",
        "none",
    )

    @property
    def may_go_straight(self) -> bool:
        """Whether connects may go straight to the writer."""
        return self.mode is Mode.CLEANUP and self.straight_connects is StraightConnects.ON

    @property
    def all_members(self) -> frozenset[Address]:
        """Where the members of any cluster are."""
        return frozenset[Address]().union(*self.members)

    @property
    def endpoints(self) -> EndpointMap:
        """What the settings say of host names."""
        return EndpointMap(
            self.instance_endpoints, self.instance_host_template, self.writer_endpoints
        )

    @staticmethod
    def resolve(arguments: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings that `arguments` and `environ` amount to; log what is bad.

        Args:
            arguments: by lower-case name.
            environ: the environment, which also names the configuration file.

        Raises:
            ValueError: an argument is unknown or has a value that is not allowed; the message
                names it, its value and what is allowed.
        """
        found = resolve(arguments, environ)
        logged.errors(found.bad)
        return found.settings


class Resolved(NamedTuple):
    """The settings that count, and where each was set.

    Attributes:
        settings: their values.
        origins: by name, where a setting was set; one that has its default is left out.
        bad: what was set, and does not count.
    """

    settings: Settings
    origins: Mapping[str, Origin]
    bad: tuple[BadSetting, ...]


def resolve(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Resolved:
    """Return the settings that `arguments` and `environ` amount to, as `Settings.resolve` does."""
    known = {setting.name: setting for setting in fields(Settings)}
    try:
        from_file = sources.from_file(known, configuration_file.options(environ))
    except UnreadableError as error:
        from_file = sources.from_unreadable_file(known, error)
    from_arguments = sources.from_arguments(known, arguments)
    for name, origin in from_file.origins.items():
        # What reads the file passes on as arguments what the file sets.
        if from_arguments.values.get(name) == from_file.values[name]:
            from_arguments.origins[name] = origin
    given = (sources.from_environment(known, environ), from_file, from_arguments)
    values = {name: value for each in given for name, value in each.values.items()}
    origins = {name: origin for each in given for name, origin in each.origins.items()}
    return Resolved(Settings(**values), origins, tuple(bad for each in given for bad in each.bad))
