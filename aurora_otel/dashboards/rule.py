"""What a rule is: a figure that is computed ahead, or an alert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aurora_otel.dashboards.files import RUNBOOKS
from aurora_otel.dashboards.promql import AURORA_INSTANCE, CLUSTER, INSTANCE, JOB

CRITICAL, WARNING, INFO = "critical", "warning", "info"


@dataclass(frozen=True, slots=True)
class Recording:
    """A figure that is computed ahead.

    Attributes:
        name: `<labels>:<metric>:<operation>`.
        expr: what it is.
    """

    name: str
    expr: str

    def as_yaml(self) -> dict[str, Any]:
        """Return what stands in the file."""
        return {"record": self.name, "expr": Block(self.expr)}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert.

    Attributes:
        name: also the heading of its runbook.
        expr: fires for every series that this returns.
        lasting: for how long before it fires.
        severity: `critical`: an engineer is woken up; `warning`: it can wait until the next day;
            `info`: nothing is to be done.
        summary: what is wrong, in one sentence that needs no thinking.
        description: what follows from it, and what to do first.
    """

    name: str
    expr: str
    lasting: str
    severity: str
    summary: str
    description: str

    def as_yaml(self) -> dict[str, Any]:
        """Return what stands in the file."""
        return {
            "alert": self.name,
            "expr": Block(self.expr),
            "for": self.lasting,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOKS}#{self.name.lower()}",
            },
        }


class Block(str):
    """A text that stands as it is in the file."""

    __slots__ = ()


# What an alert's texts say of its series.
THE_JOB, THE_INSTANCE, THE_CLUSTER, THE_AURORA_INSTANCE = (
    f"{{{{ $labels.{name} }}}}" for name in (JOB, INSTANCE, CLUSTER, AURORA_INSTANCE)
)
THE_NUMBER = '{{ $value | printf "%.0f" }}'
THE_PERCENTAGE = "{{ $value | humanizePercentage }}"
THE_DURATION = "{{ $value | humanizeDuration }}"
