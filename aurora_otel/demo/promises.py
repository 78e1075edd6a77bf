"""What the project promises about a failover, held against what was measured.

A promise is about a run with the agent. What the run without it has to show is a control: else
there is nothing to solve, and the comparison proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aurora_otel.demo.figures import AgentFigures, Figures

HELD_CONNECTIONS = 20
STUCK_SECONDS = 2.0


@dataclass(frozen=True)
class Promise:
    """One promise, whether it held, and what was measured."""

    promise: str
    kept: bool
    measured: float | str | None


@dataclass(frozen=True)
class Control:
    """What the run without the agent has to show, whether it did, and what was measured."""

    control: str
    shown: bool
    measured: float | str | None


def problem_shown(without: Figures) -> Iterator[Control]:
    """Yield what a switchover does to the application alone."""
    yield Control(
        f"Without the agent, all {HELD_CONNECTIONS} held connections stay on the old writer.",
        without.sessions_on_old_writer == HELD_CONNECTIONS,
        without.sessions_on_old_writer,
    )
    yield Control(
        "Without the agent, writes go on failing to the end.",
        without.failed_writes_in_the_end > 0,
        without.failed_writes_in_the_end,
    )


def application_recovers(run: Figures, agent: AgentFigures) -> Iterator[Promise]:
    """Yield what holds with the agent after every kind of failover."""
    yield Promise(
        "No session is left on the old writer.",
        run.sessions_on_old_writer == 0,
        run.sessions_on_old_writer,
    )
    yield Promise(
        "At most one write a connection fails because the connection is gone.",
        run.most_closed_writes_per_connection <= 1,
        run.most_closed_writes_per_connection,
    )
    yield Promise(
        "Every writing thread writes again.",
        run.writing_threads_that_write_again == run.writing_threads > 0,
        f"{run.writing_threads_that_write_again} of {run.writing_threads}",
    )
    yield Promise("The agent counts exactly one failover.", agent.failovers == 1, agent.failovers)


def refusals_end_with_the_topology(run: Figures) -> Iterator[Promise]:
    """Yield what holds where the agent can find the new writer at once."""
    refused = run.refused_after_published
    yield Promise(
        "At most one write per writing thread is refused once the topology names the new writer.",
        refused.most_per_writing_thread <= 1,
        refused.most_per_writing_thread,
    )
    yield Promise(
        "No write on an idle connection is refused.",
        refused.on_idle_connections == 0,
        refused.on_idle_connections,
    )


def writes_go_on_in_the_end(run: Figures) -> Iterator[Promise]:
    """Yield what holds where the old writer ends all its connections and goes on as a reader.

    All processes have lost their connections, so logins of the agent's own are spread.
    """
    yield Promise(
        "No write fails in the end.",
        run.failed_writes_in_the_end == 0,
        run.failed_writes_in_the_end,
    )


def past_stale_dns(run: Figures) -> Iterator[Promise]:
    """Yield what holds while DNS leads to the old writer."""
    refused = run.refused_after_published
    yield Promise(
        "No write is refused on a connection that was opened after the failover.",
        refused.on_new_connections == 0,
        refused.on_new_connections,
    )


def not_waiting_for_dns(run: Figures, dns_lag: float) -> Iterator[Promise]:
    """Yield what holds then, too, where the old writer lives on.

    After a crash, logins of the agent's own are spread: all processes have lost their connections.
    """
    first = run.seconds_to_first_clean_write
    yield Promise(
        "The writing threads write to the new writer before DNS leads there.",
        first is not None and first < run.seconds_to_published + dns_lag,
        first,
    )


def pool_hands_out_what_works(run: Figures, agent: AgentFigures) -> Iterator[Promise]:
    """Yield what holds where a pool holds the connections."""
    yield Promise(
        "At most one write per writing thread fails once the topology names the new writer.",
        run.most_failed_writes_per_writing_thread <= 1,
        run.most_failed_writes_per_writing_thread,
    )
    yield Promise(
        "Once stale connections are shut down, the pool hands out none that is gone.",
        agent.closed_writes_after_cleanup == 0,
        agent.closed_writes_after_cleanup,
    )


def pool_loses_no_write(run: Figures) -> Iterator[Promise]:
    """Yield what holds where a pool holds the connections, and the old writer lives on."""
    yield Promise(
        "No write fails because its connection is gone.",
        run.closed_writes == 0,
        run.closed_writes,
    )


def stuck_calls_return(agent: AgentFigures) -> Iterator[Promise]:
    """Yield what holds for calls that hung on the dead host."""
    yield Promise(
        f"Stuck calls return with the driver's error within {STUCK_SECONDS:g} s of the verdict.",
        agent.stuck_seconds_after_verdict is not None
        and agent.stuck_seconds_after_verdict <= STUCK_SECONDS,
        agent.stuck_seconds_after_verdict,
    )


def noticed_by_the_background_loop(agent: AgentFigures) -> Iterator[Promise]:
    """Yield what holds when every thread hangs and nothing fails."""
    yield Promise(
        "The background loop notices that calls are stuck.",
        agent.symptoms == ("stuck",),
        ", ".join(agent.symptoms) or None,
    )
