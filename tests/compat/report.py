"""How the comparisons are reported: on the terminal, as JSON, and in a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.compat.comparison import Comparison, Difference, passed

BEGIN = "<!-- compat: written by the command itself -->"
END = "<!-- /compat -->"

_TEXTS = ("suite", "driver")
_NUMBERS = (
    "tests",
    "passed without us",
    "passed with us",
    "differences",
    "wavering",
    "failing without us",
)


@dataclass(frozen=True)
class Report:
    """What came of all suites.

    Attributes:
        command: the command that repeats it.
        products: Python and the servers, with their versions.
        comparisons: what came of each suite.
    """

    command: str
    products: Sequence[str]
    comparisons: Sequence[Comparison]

    def show(self, console: Console) -> None:
        """Show the numbers of each suite, and then each test that they do not speak well of."""
        table = Table()
        for name in _TEXTS:
            table.add_column(name, no_wrap=True)
        for name in _NUMBERS:
            table.add_column(name, justify="right")
        for compared in self.comparisons:
            table.add_row(*_row(compared))
        console.print(", ".join(self.products))
        console.print(table)
        for compared in self.comparisons:
            for line in (*_troubles(compared), *_differences(compared), *_failing(compared)):
                console.print(f"{compared.title}: {line}", soft_wrap=True, markup=False)

    def plain(self) -> dict[str, object]:
        """Return all that is known, for JSON."""
        suites = [_plain(each) for each in self.comparisons]
        return {"command": self.command, "products": list(self.products), "suites": suites}

    def write(self, document: Path) -> None:
        """Put the summary into a document, between the marks for it."""
        text = document.read_text(encoding="utf-8")
        if BEGIN not in text or END not in text:
            raise SystemExit(f"{document} has no place for it: it needs {BEGIN} and {END}")
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        section = "\n".join(self._section())
        document.write_text(f"{before}{BEGIN}\n\n{section}\n{END}{after}", encoding="utf-8")

    def _section(self) -> Iterator[str]:
        yield f"`{self.command}`, with {', '.join(self.products)}:"
        yield ""
        yield f"| {' | '.join([*_TEXTS, *_NUMBERS])} |"
        yield "|---" * len(_TEXTS) + "|---:" * len(_NUMBERS) + "|"
        for compared in self.comparisons:
            yield f"| {' | '.join(_row(compared))} |"
        yield ""
        for compared in self.comparisons:
            for line in (*_troubles(compared), *_differences(compared)):
                yield f"* {compared.title}: {line}"
        for compared in self.comparisons:
            if compared.failing:
                yield from _folded(f"{compared.title}: failing without us", _failing(compared))
        yield ""


def _row(compared: Comparison) -> tuple[str, ...]:
    numbers = (
        len(compared.first.without),
        passed(compared.first.without),
        passed(compared.first.with_us),
        len(compared.differences),
        len(compared.wavering),
        len(compared.failing),
    )
    return (compared.suite, compared.driver, *(f"{number:,}" for number in numbers))


def _troubles(compared: Comparison) -> Iterator[str]:
    if not compared.first.without:
        yield "NO TEST was run"
    if not compared.agent.identified:
        yield "the agent was NOT AT WORK: it identified no connection"
    for doing, times in compared.agent.failures.items():
        yield f"the agent FAILED {times} times: {doing}"


def _differences(compared: Comparison) -> Iterator[str]:
    for each in compared.differences:
        yield f"`{each.test}` {_both(each)}: {each.reason or 'NOT EXPLAINED'}"
    for each in compared.wavering:
        yield f"`{each.test}` wavers: {_both(each)}"


def _failing(compared: Comparison) -> Iterator[str]:
    for test, outcome in compared.failing.items():
        yield f"`{test}` fails without us, and with us in the same way ({outcome})"


def _both(difference: Difference) -> str:
    return f"{_times(difference.without)} without us, {_times(difference.with_us)} with us"


def _times(outcomes: Sequence[str]) -> str:
    counted = Counter(outcomes).most_common()
    return " and ".join(f"{outcome} {times} of {len(outcomes)}" for outcome, times in counted)


def _folded(summary: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield f"<details><summary>{summary}</summary>"
    yield ""
    yield from (f"* {line}" for line in lines)
    yield ""
    yield "</details>"


def _plain(compared: Comparison) -> dict[str, object]:
    return {
        "suite": compared.suite,
        "driver": compared.driver,
        "tests": len(compared.first.without),
        "passed_without": passed(compared.first.without),
        "passed_with": passed(compared.first.with_us),
        "differences": [each._asdict() for each in compared.differences],
        "wavering": [each._asdict() for each in compared.wavering],
        "failing_without": dict(compared.failing),
        "agent": compared.agent._asdict(),
        "is_harmless": compared.is_harmless,
    }
