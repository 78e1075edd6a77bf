"""How a run is reported: on the terminal, and in a document."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.invariants import all_of_them
from tests.chaos.plan import Event
from tests.chaos.run import Outcome, Violation

BEGIN = "<!-- chaos: written by the command itself -->"
END = "<!-- /chaos -->"


def brief(seed: int, outcome: Outcome) -> str:
    """Return what happened, in a few lines."""
    state = "FAILED" if outcome.violation else "passed"
    judged = _listed(outcome.judged)
    return (
        f"seed {seed}: {state}, {len(outcome.events)} events in {outcome.seconds:.0f} s\n"
        f"seed {seed}: judged {judged}\n"
        f"seed {seed}: counted {_listed(outcome.counts)}"
    )


def failure(command: str, violation: Violation) -> str:
    """Return what went wrong, and the command that does it again."""
    return (
        f"\nBROKEN: {violation.promise}\n{textwrap.indent(violation.what, '  ')}\n"
        f"after {violation.events} events of: {command}\n"
    )


def history(command: str, events: tuple[Event, ...], times: int, runs: int) -> str:
    """Return the shortest history, and how often it showed the failure."""
    if not events:
        return f"It takes no event at all: shown in {times} of {runs} runs without any."
    lines = "".join(f"\n  {event}" for event in events)
    return f"The shortest history, which showed it in {times} of {runs} runs: {command}{lines}"


def write(document: Path, command: str, outcome: Outcome) -> None:
    """Put the summary of a run that passed into a document, between the marks for it."""
    text = document.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{document} has no place for it: it needs {BEGIN} and {END}")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    section = _section(command, outcome)
    document.write_text(f"{before}{BEGIN}\n\n{section}\n{END}{after}", encoding="utf-8")


def _section(command: str, outcome: Outcome) -> str:
    happened = Counter(event.action.value for event in outcome.events)
    promises = [f"* {invariant.promise}" for invariant in all_of_them()]
    return "\n".join(
        [
            f"`{command}`: {len(outcome.events)} events in {outcome.seconds:.0f} s. What held:",
            "",
            *promises,
            "",
            _table("what happened", happened),
            _table("what came of it", outcome.counts),
            _table("what was judged", outcome.judged),
        ]
    )


def _table(title: str, rows: Mapping[str, int]) -> str:
    lines = "".join(f"| {what} | {number} |\n" for what, number in sorted(rows.items()))
    return f"| {title} | times |\n|---|---:|\n{lines}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
