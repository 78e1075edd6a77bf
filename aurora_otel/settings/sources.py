"""Where the value of a setting comes from: the environment, the configuration file, an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from aurora_otel.settings.configuration_file import ENABLED, FILE, UnreadableError
from aurora_otel.settings.parsing import InvalidValueError

PREFIX = "AURORA_OTEL_"
MODE = "mode"
ARGUMENT = "an argument of instrument()"
# The mode that closes nothing.
_IN_DOUBT = "observe"
# The lab's own variables, which an application that is started beside it inherits.
_OF_THE_LAB = PREFIX + "LAB_"

Known = Mapping[str, "Field[Any]"]


class BadSetting(NamedTuple):
    """What was set, and does not count.

    Attributes:
        name: of the variable, or of the setting in the configuration file.
        value: its value.
        kind: `environment variable` or, in the configuration file, `setting of OTEL_CONFIG_FILE`.
        near: what has a similar name, if this one is unknown and there is one.
        allowed: what is allowed, if it is known.
        consequence: what counts instead.
    """

    name: str
    value: Any
    kind: str
    near: str | None = None
    allowed: str | None = None
    consequence: str = "it is ignored"

    def __str__(self) -> str:
        if self.allowed is None:
            hint = f"; did you mean {self.near}?" if self.near else ""
            return f"unknown {self.kind} {self.name} is ignored{hint}"
        return (
            f"{self.kind} {self.name}={self.value!r} is not valid: "
            f"allowed is {self.allowed}; {self.consequence}"
        )


class Origin(NamedTuple):
    """Where a setting was set.

    Attributes:
        source: the variable, `OTEL_CONFIG_FILE`, or `an argument of instrument()`.
        text: the value as it was written there.
    """

    source: str
    text: str


@dataclass(slots=True)
class Given:
    """What one source sets.

    Attributes:
        values: of settings, by name.
        origins: where each of them was set.
        bad: what does not count.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    bad: list[BadSetting] = field(default_factory=list)

    def add(self, known: Known, name: str, written: Any, source: str) -> None:
        """Set a setting.

        Raises:
            InvalidValueError: what was written is not allowed.
        """
        self.values[name] = known[name].metadata["parse"](written)
        text = written.value if isinstance(written, Enum) else written
        self.origins[name] = Origin(source, str(text))

    def doubt_mode(self, known: Known, source: str) -> None:
        """Have the mode be the one that closes nothing: what was meant cannot be understood."""
        self.add(known, MODE, _IN_DOUBT, f"{source}, which is not valid")


def from_environment(known: Known, environ: Mapping[str, str]) -> Given:
    """Return what the variables `AURORA_OTEL_…` set; a blank one sets nothing.

    Args:
        known: the settings, by name.
        environ: the environment.
    """
    given = Given()
    names = {name.upper(): name for name in known}
    variables = {
        variable.removeprefix(PREFIX): value
        for variable, value in environ.items()
        if variable.startswith(PREFIX) and not variable.startswith(_OF_THE_LAB) and value.strip()
    }
    _read(given, known, names, variables, _Place("environment variable", PREFIX))
    return given


def from_file(known: Known, options: Mapping[str, Any]) -> Given:
    """Return what the configuration file sets.

    Args:
        known: the settings, by name.
        options: what the file says of this instrumentation.
    """
    given = Given()
    names = {name: name for name in known}
    set_here = {name: value for name, value in options.items() if name != ENABLED}
    _read(given, known, names, set_here, _Place(f"setting of {FILE}", "", FILE))
    if not options.get(ENABLED, True):
        given.add(known, MODE, "off", f"{FILE} ({ENABLED}: false)")
    return given


def from_unreadable_file(known: Known, error: UnreadableError) -> Given:
    """Return what follows from a configuration file that cannot be read: it may say `observe`."""
    given = Given()
    given.doubt_mode(known, FILE)
    consequence = "the mode is observe, since the file may say so"
    bad = BadSetting(FILE, error.path, "environment variable", None, str(error), consequence)
    given.bad.append(bad)
    return given


def from_arguments(known: Known, arguments: Mapping[str, Any]) -> Given:
    """Return what arguments of `instrument()` set.

    Raises:
        ValueError: an argument is unknown or has a value that is not allowed; the message names
            it, its value and what is allowed.
    """
    given = Given()
    for name, value in arguments.items():
        if name not in known:
            raise ValueError(f"unknown setting {name!r}: allowed are {', '.join(known)}")
        try:
            given.add(known, name, value, ARGUMENT)
        except InvalidValueError as error:
            raise ValueError(f"{name}={value!r} is not valid: allowed is {error}") from None
    return given


class _Place(NamedTuple):
    """A source, as it is called: its kind, what its names begin with, itself if it is one thing."""

    kind: str
    prefix: str
    source: str = ""


def _nearest(written: str, names: Iterable[str]) -> str | None:
    """Return the name that may have been meant."""
    import difflib  # noqa: PLC0415 - imported only when used

    return next(iter(difflib.get_close_matches(written, list(names), n=1)), None)


def _read(
    given: Given, known: Known, names: Mapping[str, str], found: Mapping[str, Any], place: _Place
) -> None:
    """Read what was found in a place; `names` has the settings by the name that they have there."""
    for written, value in found.items():
        full = place.prefix + written
        source = place.source or full
        if written not in names:
            near = _nearest(written, names)
            hint = None if near is None else place.prefix + near
            given.bad.append(BadSetting(full, value, place.kind, near=hint))
            if near is not None and names[near] == MODE and MODE not in given.values:
                given.doubt_mode(known, source)
            continue
        name = names[written]
        try:
            given.add(known, name, value, source)
        except InvalidValueError as error:
            consequence = f"the default is used: {known[name].metadata['default']}"
            if name == MODE:
                given.doubt_mode(known, source)
                consequence = "in doubt, the mode is observe"
            given.bad.append(BadSetting(full, value, place.kind, None, str(error), consequence))
