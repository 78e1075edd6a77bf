"""The command: `python -m benchmarks [--quick] [question …]`, or `make bench [QUICK=1]`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from types import ModuleType

from benchmarks import report, table
from benchmarks.bench import Bench
from benchmarks.figures import Answer
from benchmarks.questions import QUESTIONS

VALUES = Path(__file__).parent.parent / ".bench" / "values.json"


def main() -> int:
    """Measure, print the table, and say by the exit status whether every target is met."""
    arguments = _arguments()
    chosen = arguments.questions or list(QUESTIONS)
    answers: dict[str, tuple[str, Answer]] = {}
    with Bench(quick=arguments.quick) as bench:
        for name in chosen:
            question = QUESTIONS[name]
            answers[name] = (question.TITLE, _measure(bench, question))
        bench.values.write(VALUES)
    print(table.text(dict(answers.values()), quick=arguments.quick))  # noqa: T201 - the command's output
    if not arguments.quick and chosen == list(QUESTIONS):
        report.write(answers)
    met = all(answer.is_met(quick=arguments.quick) for _, answer in answers.values())
    return 0 if met else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a short run that catches a threefold regression; writes no report",
    )
    parser.add_argument("questions", nargs="*", choices=[[], *QUESTIONS], metavar="question")
    return parser.parse_args()


def _measure(bench: Bench, question: ModuleType) -> Answer:
    began = time.monotonic()
    answer: Answer = question.measure(bench)
    if bench.quick and not answer.is_met(quick=True):
        # Something else may have been busy on this machine.
        answer = question.measure(bench)
    took = time.monotonic() - began
    print(f"{question.TITLE}: {took:.0f} s", file=sys.stderr)  # noqa: T201 - progress
    return answer


if __name__ == "__main__":
    sys.exit(main())
