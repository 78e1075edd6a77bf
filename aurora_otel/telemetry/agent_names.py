"""What the agent exports of itself: its version and mode, whatever it is connected to."""

from __future__ import annotations

from aurora_otel.settings import Mode
from aurora_otel.telemetry.names import DRIVER, Attribute, Kind, LogRecord, Metric
from aurora_otel.version import __version__

VERSION = "aurora.agent.version"
MODE = "aurora.agent.mode"

MODES = (Mode.CLEANUP, Mode.OBSERVE)
ATTRIBUTES = (
    Attribute(VERSION, "the version of aurora-otel"),
    Attribute(MODE, "the mode that counts at the moment: `cleanup`, `observe`"),
)

INFO = Metric(
    "aurora.agent.info",
    Kind.UP_DOWN_COUNTER,
    "{agent}",
    "1 for the mode that the process's agent is in, 0 for the other",
    (VERSION, MODE),
)
METRICS = (INFO,)

START = LogRecord(
    "INFO",
    "aurora-otel <version> is active: mode <mode>; instruments <names>; not supported: <names>",
    (VERSION, MODE),
)
OFF = LogRecord("INFO", "aurora-otel <version> does nothing: the mode is off", (VERSION, MODE))
KILL_SWITCH = LogRecord(
    "WARNING", "the kill switch is <on or off>: the mode is <mode>; its file is <path>", (MODE,)
)
UNSUPPORTED = LogRecord(
    "WARNING",
    "<driver> connects to Amazon RDS, and aurora-otel does not support it: its connections are "
    "neither tracked nor cleaned up",
    (DRIVER,),
)
NO_SYSTEM = LogRecord(
    "WARNING", "aurora-otel <version> does nothing on this system, which has no <name>", (VERSION,)
)
LOGS = (START, OFF, NO_SYSTEM, KILL_SWITCH, UNSUPPORTED)


def info(mode: Mode) -> dict[tuple[str | int, ...], int]:
    """Return the observations of `INFO`.

    Args:
        mode: the one that counts.
    """
    return {(__version__, each.value): int(each is mode) for each in MODES}
