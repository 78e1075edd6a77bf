"""What the runs of a demo are called, and what is done to the cluster, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aurora_otel.lab import Failover

if TYPE_CHECKING:
    from aurora_otel.demo.recording import Recording

STUCK_AFTER = "AURORA_OTEL_STUCK_AFTER"

TITLES = {
    "without": "Without the agent",
    "with": "With the agent",
    "with_every_thread_hung": "With the agent, every thread hung",
}

COLUMNS = {
    "without": "without",
    "with": "with",
    "with_every_thread_hung": "all hung",
}
"""What stands above the figures of a run, where there is little room."""

_EVENTS = {
    Failover.CRASH: "{old} died with all its connections and came back as a reader.",
    Failover.SWITCHOVER: "{old} became a reader, stayed up, kept its sessions and refused writes.",
    Failover.HANG: "{old} stopped answering, and its sockets stayed open.",
}

_RESTART = (
    "{old} restarted as a reader, which ended all connections, and the service still led there."
)

_RESTART_EXPLANATION = (
    "The application connects again while the service still leads to the old writer, and these "
    "connections stay: they pass every health check, and refuse every write. The agent closes them "
    "once the new writer has confirmed itself, and the next connect goes where the service leads."
)

_EXPLANATIONS = {
    Failover.SWITCHOVER: "No connection is lost, so that neither driver nor pool notices anything: "
    "without the agent every held connection stays on the old writer, and its writes are refused.",
    Failover.CRASH: "A server that dies ends its connections itself: each costs one write, with "
    "the agent as without it, and the driver connects again. The agent says what happened. Where "
    "DNS still leads to the old writer (--dns-lag), it connects past it.",
    Failover.HANG: "A server that hangs ends nothing, and its clients wait: without the agent for "
    "as long as the network lets them. The agent shuts the sockets down, so that each call that "
    "waits returns with the driver's lost-connection error: one write a connection.",
}

_EVERY_THREAD_HUNG = (
    "In the third run nothing is opened afresh and every thread hangs, so that the agent's "
    "background loop alone can notice; {setting} lets it do so sooner than by default."
)


def command(run: Recording) -> str:
    """Return what was run: the command, with the setting that this run alone has."""
    if run.name == "without":
        return "python app.py"
    words = ["opentelemetry-instrument", "python", "app.py"]
    if run.name == "with_every_thread_hung":
        words.insert(0, _stuck_after(run))
    return " ".join(words)


def restarts_as_reader(kind: str, engine: str, failover: Failover) -> bool:
    """Return whether the old writer ends all its sessions in a switchover, and is a reader then."""
    return (kind, engine, failover) == ("plain", "postgresql", Failover.SWITCHOVER)


def event(failover: Failover, old_writer: str, *, restarts: bool = False) -> str:
    """Return what happened to the old writer, in a sentence."""
    return (_RESTART if restarts else _EVENTS[failover]).format(old=old_writer)


def explanation(
    failover: Failover, every_thread_hung: Recording | None = None, *, restarts: bool = False
) -> str:
    """Return why the figures with and without the agent are as they are.

    Args:
        failover: What happened to the writer.
        every_thread_hung: The third run, if there was one.
        restarts: As `restarts_as_reader` says.
    """
    words = _RESTART_EXPLANATION if restarts else _EXPLANATIONS[failover]
    if every_thread_hung is None:
        return words
    return f"{words} {_EVERY_THREAD_HUNG.format(setting=_stuck_after(every_thread_hung))}"


def _stuck_after(run: Recording) -> str:
    return f"{STUCK_AFTER}={run.settings[STUCK_AFTER]}"
