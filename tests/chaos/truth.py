"""What was really the case in the cluster, as the lab did it."""

from __future__ import annotations

from dataclasses import dataclass

FOREVER = float("inf")
# Stands for all instances.
ALL = "all"


@dataclass(slots=True)
class Span:
    """An instance in a state, from and until when, in seconds of the monotonic clock."""

    instance: str
    since: float
    until: float = FOREVER

    def end(self, until: float) -> None:
        """Take note of when that ended."""
        self.until = until


class Truth:
    """Who was the writer, who was demoted in place, and who may not have answered, and when.

    Args:
        writer: the writer at first.
        since: since when.
    """

    def __init__(self, writer: str, since: float) -> None:
        self.reigns = [Span(writer, since)]
        self.demotions: list[Span] = []
        self.troubles: list[Span] = []

    def switched(self, began: float, writer: str, ended: float) -> None:
        """Take note of a failover: the writer is uncertain from `began` to `ended`."""
        self.reigns[-1].until = began
        self.reigns.append(Span(writer, ended))

    def demoted(self, instance: str, since: float) -> None:
        """Take note that an instance stays up and refuses writes."""
        self.demotions.append(Span(instance, since))

    def troubled(self, instance: str, since: float) -> Span:
        """Take note that an instance, or `ALL`, may not answer; return the span, to be ended."""
        self.troubles.append(Span(instance, since))
        return self.troubles[-1]

    def answers(self, instance: str, since: float, until: float) -> bool:
        """Whether nothing kept an instance from answering in that time."""
        return not any(
            span.instance in (instance, ALL) and span.since <= until and since <= span.until
            for span in self.troubles
        )

    def restored(self, instance: str, at: float) -> None:
        """Take note that an instance is about to become a real reader or a writer."""
        for span in self.demotions:
            if span.instance == instance and span.until == FOREVER:
                span.until = at

    def was_writer(self, instance: str, since: float, until: float) -> bool:
        """Whether an instance was the writer all the time, beyond doubt."""
        return any(
            reign.instance == instance and reign.since <= since and until <= reign.until
            for reign in self.reigns
        )

    def was_demoted(self, instance: str, since: float, until: float) -> bool:
        """Whether an instance was demoted in place all the time."""
        return any(
            span.instance == instance and span.since <= since and until <= span.until
            for span in self.demotions
        )
