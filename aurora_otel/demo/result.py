"""The result of a demo: both runs, what they amount to, and whether the promises held."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from aurora_otel.demo import promises
from aurora_otel.demo.figures import AgentFigures, Figures, agent_figures, figures
from aurora_otel.demo.stories import restarts_as_reader
from aurora_otel.lab import Failover
from aurora_otel.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aurora_otel.demo.promises import Control, Promise
    from aurora_otel.demo.recording import Recording

DISTRIBUTIONS = ("opentelemetry-sdk", "opentelemetry-instrumentation")
"""What matters whatever the engine."""


@dataclass(frozen=True)
class Result:
    """Everything that a demo found out; `every_thread_hung` exists for `hang` alone."""

    engine: str
    failover: Failover
    without: Recording
    with_agent: Recording
    every_thread_hung: Recording | None
    versions: Mapping[str, str]
    kind: str = "aurora"
    driver: str = "psycopg"
    pool: str = "none"
    dns_lag: float = 0.0

    @property
    def restarts(self) -> bool:
        """Whether the old writer restarted as a reader, which ended all its sessions."""
        return restarts_as_reader(self.kind, self.engine, self.failover)

    @property
    def runs(self) -> tuple[Recording, ...]:
        """The runs, in their order."""
        runs = (self.without, self.with_agent, self.every_thread_hung)
        return tuple(run for run in runs if run is not None)

    @cached_property
    def without_figures(self) -> Figures:
        """The run without the agent."""
        return figures(self.without)

    @cached_property
    def with_figures(self) -> Figures:
        """The run with the agent."""
        return figures(self.with_agent)

    @cached_property
    def agent_figures(self) -> AgentFigures:
        """What the agent exported about its run."""
        return agent_figures(self.with_agent)

    @cached_property
    def promises(self) -> tuple[Promise, ...]:
        """Every promise that this kind of failover can show."""
        return tuple(self._promises())

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """What the run without the agent has to show."""
        if self.failover is not Failover.SWITCHOVER:
            return ()
        return tuple(promises.problem_shown(self.without_figures))

    @property
    def kept(self) -> bool:
        """Whether all promises held, and all controls showed the problem."""
        return all(promise.kept for promise in self.promises) and all(
            control.shown for control in self.controls
        )

    def _promises(self) -> Iterator[Promise]:
        yield from promises.application_recovers(self.with_figures, self.agent_figures)
        if self.restarts:
            yield from promises.writes_go_on_in_the_end(self.with_figures)
        else:
            yield from promises.refusals_end_with_the_topology(self.with_figures)
        if self.dns_lag:
            yield from promises.past_stale_dns(self.with_figures)
            if self.failover is Failover.SWITCHOVER:
                yield from promises.not_waiting_for_dns(self.with_figures, self.dns_lag)
        if self.pool != "none":
            yield from promises.pool_hands_out_what_works(self.with_figures, self.agent_figures)
            if self.failover is Failover.SWITCHOVER and not self.restarts:
                yield from promises.pool_loses_no_write(self.with_figures)
        if self.failover is Failover.HANG:
            yield from promises.stuck_calls_return(self.agent_figures)
        if self.every_thread_hung is not None:
            run, agent = figures(self.every_thread_hung), agent_figures(self.every_thread_hung)
            for promise in (
                *promises.noticed_by_the_background_loop(agent),
                *promises.application_recovers(run, agent),
                *promises.refusals_end_with_the_topology(run),
                *promises.stuck_calls_return(agent),
            ):
                yield replace(promise, promise=f"With every thread hung: {promise.promise}")

    def as_json(self) -> dict[str, Any]:
        """Return the result as plain values for JSON; seconds are floats."""
        switch = self.with_agent.switch
        document: dict[str, Any] = {
            "kind": self.kind,
            "engine": self.engine,
            "driver": self.driver,
            "pool": self.pool,
            "failover": self.failover.value,
            "dns_lag": self.dns_lag,
            "old_writer": switch.old_writer,
            "new_writer": switch.new_writer,
            "without": asdict(self.without_figures),
            "with": self._with_agent_as_json(self.with_agent),
        }
        if self.every_thread_hung is not None:
            document["with_every_thread_hung"] = self._with_agent_as_json(self.every_thread_hung)
        return {
            **document,
            "kept": self.kept,
            "promises": [asdict(promise) for promise in self.promises],
            "controls": [asdict(control) for control in self.controls],
            "versions": dict(self.versions),
        }

    def _with_agent_as_json(self, run: Recording) -> dict[str, Any]:
        values = {**asdict(figures(run)), **asdict(agent_figures(run))}
        if self.failover is Failover.HANG:
            return values
        return {name: value for name, value in values.items() if not name.startswith("stuck_")}


def installed_versions(distributions: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python and of the distributions that matter."""
    installed = {name: version(name) for name in distributions}
    return {"python": platform.python_version(), "aurora-otel": __version__, **installed}
