"""Every figure of the JSON, with words and a unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aurora_otel.demo.figures import LAST_SECONDS
from aurora_otel.demo.report.model import Figure, Value

_NEVER, _NONE, _UNKNOWN = "never", "none", "not measured"

# By its path in the JSON: what it is, its unit, what it means that there is none.
MEANINGS: dict[str, tuple[str, str, str]] = {
    "writes": ("Attempts to write", "writes", _NONE),
    "accepted_writes": ("Writes that were accepted", "writes", _NONE),
    "failed_writes": ("Writes that were refused, failed, or were never answered", "writes", _NONE),
    "failed_writes_in_the_end": (
        f"of them in the last {LAST_SECONDS:g} s, or never answered",
        "writes",
        _NONE,
    ),
    "refused_after_published.total": (
        "Refused by the old writer once the topology named the new one",
        "writes",
        _NONE,
    ),
    "refused_after_published.most_per_writing_thread": (
        "of them the most in one writing thread",
        "writes",
        _NONE,
    ),
    "refused_after_published.on_idle_connections": (
        "of them on connections that had been idle",
        "writes",
        _NONE,
    ),
    "refused_after_published.on_new_connections": (
        "of them on connections opened after the failover",
        "writes",
        _NONE,
    ),
    "closed_writes": ("Writes that failed because their connection was gone", "writes", _NONE),
    "most_closed_writes_per_connection": (
        "of them the most on one connection",
        "writes",
        _NONE,
    ),
    "most_failed_writes_per_writing_thread": (
        "Writes that failed in any way after the topology had changed, the most in one thread",
        "writes",
        _NONE,
    ),
    "failed_connects": ("Connects that failed", "connects", _NONE),
    "hung_calls": ("Calls that never returned", "calls", _NONE),
    "sessions_on_old_writer": ("Sessions left on the old writer", "sessions", _NONE),
    "writing_threads": ("Threads that write all the time", "threads", _NONE),
    "writing_threads_that_write_again": (
        "of them those that wrote to the new writer",
        "threads",
        _NONE,
    ),
    "seconds_to_published": ("Until the topology named the new writer", "s", _NEVER),
    "seconds_to_first_clean_write": ("Until a writing thread wrote to the new writer", "s", _NEVER),
    "seconds_to_last_failed_write": ("Until the last write failed", "s", _NEVER),
    "seconds_to_no_stale_connection": ("Until no stale connection was left", "s", _NEVER),
    "seconds_without_a_write": (
        "Longest that a writing thread had no write accepted",
        "s",
        _NEVER,
    ),
    "verdict_seconds": ("Until the agent had its verdict", "s", _NEVER),
    "detection_seconds": ("Detection: from the symptom to the verdict", "s", _UNKNOWN),
    "cleanup_seconds": (
        "Cleanup: from the verdict to the last connection shut down",
        "s",
        _UNKNOWN,
    ),
    "invalidated": ("Connections that the agent invalidated", "connections", _NONE),
    "failovers": ("Failovers that the agent counted", "failovers", _NONE),
    "symptoms": ("What the agent noticed first", "", _UNKNOWN),
    "closed_writes_after_cleanup": (
        "Writes that began after the cleanup on a connection that was gone",
        "writes",
        _NONE,
    ),
    "stuck_calls": ("Calls that were stuck at the verdict", "calls", _NONE),
    "stuck_seconds_after_verdict": (
        "Until the last of them returned, from the verdict on",
        "s",
        _UNKNOWN,
    ),
    "stuck_errors": ("With which errors they returned", "", _NONE),
}

MAIN = (
    "accepted_writes",
    "failed_writes",
    "closed_writes",
    "sessions_on_old_writer",
    "seconds_to_first_clean_write",
    "seconds_to_no_stale_connection",
    "seconds_without_a_write",
)


def figure_table(runs: Mapping[str, Mapping[str, Any]]) -> tuple[Figure, ...]:
    """Return every figure of `runs`, which are the JSON's objects by the run's name."""
    values = {name: dict(flat(run)) for name, run in runs.items()}
    known = {key for run in values.values() for key in run}
    return tuple(
        Figure(
            key,
            *meaning,
            values={name: run[key] for name, run in values.items() if key in run},
            main=key in MAIN,
        )
        for key, meaning in MEANINGS.items()
        if key in known
    )


def flat(figures: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Yield every value of nested `figures` with its path."""
    for key, value in figures.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield f"{prefix}{key}", tuple(map(str, value))
        else:
            yield f"{prefix}{key}", value
