"""What a drill amounts to: figures, promises, a page and JSON."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aurora_otel.demo import promises
from aurora_otel.demo.figures import AgentFigures, Figures, agent_figures, figures
from aurora_otel.demo.report import Fact, Moment, MomentKind, Report
from aurora_otel.demo.report.figure_table import figure_table
from aurora_otel.demo.report.of_recording import cluster_of, of_recording, workload
from aurora_otel.demo.result import installed_versions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aurora_otel.demo.promises import Promise
    from aurora_otel.drill.intent import Intent
    from aurora_otel.drill.rehearsal import Rehearsal

_DISTRIBUTIONS = ("opentelemetry-sdk", "opentelemetry-instrumentation", "boto3")
_COUNTED = (
    "Connections of the workload on each instance, as its agent counts them; an export each"
    " quarter of a second."
)


@dataclass(frozen=True)
class Outcome:
    """A drill in which the failover took place."""

    intent: Intent
    rehearsal: Rehearsal

    @cached_property
    def figures(self) -> Figures:
        """What it was for the workload."""
        return figures(self.rehearsal.recording)

    @cached_property
    def agent(self) -> AgentFigures:
        """What the agent exported."""
        return agent_figures(self.rehearsal.recording)

    @cached_property
    def promises(self) -> tuple[Promise, ...]:
        """What holds with the agent after every failover."""
        return (
            *promises.application_recovers(self.figures, self.agent),
            *promises.refusals_end_with_the_topology(self.figures),
        )

    @property
    def kept(self) -> bool:
        """Whether all promises held, and the writer is the one that was asked for."""
        wanted = self.intent.target
        right = wanted in (None, self.rehearsal.recording.switch.new_writer)
        return right and all(promise.kept for promise in self.promises)

    @property
    def headline(self) -> str:
        """What happened, in one sentence."""
        switch = self.rehearsal.recording.switch
        return (
            f"Failover of {self.intent.cluster.identifier}:"
            f" the writer changed from {switch.old_writer} to {switch.new_writer}"
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values for JSON; seconds are floats."""
        switch = self.rehearsal.recording.switch
        return {
            "cluster": self.intent.cluster.identifier,
            "region": self.intent.cluster.region,
            "target": self.intent.target,
            "took_place": True,
            "old_writer": switch.old_writer,
            "new_writer": switch.new_writer,
            **self._values(),
            "kept": self.kept,
            "promises": [asdict(promise) for promise in self.promises],
            "events": [
                {"at": event.at.isoformat(), "message": event.message}
                for event in self.rehearsal.events
            ],
            "versions": installed_versions((*_DISTRIBUTIONS, self.intent.engine.driver)),
        }

    def as_report(self) -> Report:
        """Return it as a page shows it."""
        recording, cluster = self.rehearsal.recording, self.intent.cluster
        run = of_recording(
            recording,
            "The workload, with the agent",
            "opentelemetry-instrument python app.py",
            instrumented=True,
            more=self._moments(),
        )
        return Report(
            title=self.headline,
            story=f"A drill on a real cluster in {cluster.region}"
            f" ({cluster.engine} {cluster.engine_version}):"
            " RDS was asked to fail it over under a light workload through the writer endpoint.",
            explanation="",
            made=datetime.fromtimestamp(recording.clock.unix_ns / 1e9, tz=timezone.utc),
            cluster=cluster_of([recording]),
            counted=_COUNTED,
            runs=(run,),
            figures=figure_table({recording.name: self._values()}),
            promises=self.promises,
            controls=(),
            facts=(
                Fact("Workload", workload(recording)),
                *(
                    Fact(name, version)
                    for name, version in installed_versions(
                        (*_DISTRIBUTIONS, self.intent.engine.driver)
                    ).items()
                ),
            ),
            command=self._command(),
        )

    def _values(self) -> dict[str, Any]:
        return {**asdict(self.figures), **asdict(self.agent)}

    def _moments(self) -> Iterator[Moment]:
        recording = self.rehearsal.recording
        for event in self.rehearsal.events:
            at = recording.clock.at(round(event.at.timestamp() * 1e9))
            yield Moment(at - recording.switch.began, f"RDS: {event.message}", MomentKind.RDS)

    def _command(self) -> str:
        words = ["aurora-otel", "drill", "--cluster", self.intent.cluster.identifier]
        if self.intent.target is not None:
            words += ["--target", self.intent.target]
        return shlex.join([*words, "--report", "FILE.html"])
