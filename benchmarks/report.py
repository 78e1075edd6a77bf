"""`docs/performance.md`, as a full run writes it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from benchmarks import plots, readme, table
from benchmarks.figures import Answer, Figure, Verdict
from benchmarks.values import machine

DOCS = Path(__file__).parent.parent / "docs"
# Written by another command, and kept by this one.
_SLOWER = "## On slower machines\n"

PACKAGES = (
    "psycopg",
    "psycopg2-binary",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation-psycopg",
    "aws_advanced_python_wrapper",
    "wrapt",
    "pyperf",
)

_INTRODUCTION = """\
# What it costs

Written by `make bench`, which measures everything below in one run and exits 1 when a target is
missed. Absolute figures are this machine's; what is compared was measured in turn (A, B, A, B, …)
within milliseconds of each other, and differences and ratios are taken within a round. A figure is
a median, with its quartiles. {verdict}

The server is PostgreSQL as `aurora_otel.lab` runs it, over loopback. *Upstream* is OpenTelemetry's
own instrumentation of psycopg with recording spans. *AWS* is `aws-advanced-python-wrapper`; on the
lab it needs two things: `wrapper_dialect="aurora-pg"`, because the lab lacks the setting
`rds.extensions` by which it recognises Aurora PostgreSQL, and a target function that adds the
loopback address to the lab's host names, which no DNS server knows. Its plugins are
`aurora_connection_tracker`, `failover_v2` and `host_monitoring_v2`, with their defaults.

{machine}
"""


def write(answers: Mapping[str, tuple[str, Answer]], docs: Path = DOCS) -> None:
    """Write the report and its plots.

    Args:
        answers: by a short name; each with its question's title.
        docs: the directory.
    """
    missed = [
        figure
        for _, answer in answers.values()
        for figure in answer.figures
        if figure.verdict() is Verdict.MISSED
    ]
    parts = [_INTRODUCTION.format(verdict=_verdict(missed), machine=_machine())]
    for name, (title, answer) in answers.items():
        plots.draw(title, answer, docs / "performance" / f"{name}.svg")
        parts.append(f"## {title}\n\n{table.markdown(answer.figures)}\n")
        if answer.notes:
            parts.append(f"{answer.notes}\n")
        parts.append(f"![{title}](performance/{name}.svg)\n")
    document = docs / "performance.md"
    _, heading, slower = _text(document).partition(_SLOWER)
    document.write_text("\n".join(parts) + (f"\n{heading}{slower}" if slower else ""), "utf-8")
    if docs == DOCS:
        readme.update()


def write_slower(part: str, docs: Path = DOCS) -> None:
    """Write the part on slower machines, and leave the rest as it is.

    Args:
        part: the part, below its heading.
        docs: the directory.
    """
    document = docs / "performance.md"
    rest, _, _ = _text(document).partition(_SLOWER)
    document.write_text(f"{rest.rstrip()}\n\n{_SLOWER}\n{part}", "utf-8")


def _text(document: Path) -> str:
    return document.read_text("utf-8") if document.exists() else ""


def _verdict(missed: list[Figure]) -> str:
    if not missed:
        return "Every target is met."
    names = "; ".join(figure.name for figure in missed)
    return f"**Missed: {names}.** The reason stands below the table in question."


def _machine() -> str:
    known = machine()
    lines = [f"- {name.replace('_', ' ')}: {value}" for name, value in known.items()]
    lines += [f"- {package}: {version(package)}" for package in PACKAGES]
    return "\n".join(lines)
