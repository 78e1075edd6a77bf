"""The table of all figures, as text for a terminal and as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.figures import QUICK_MARGIN, Answer, Figure

HEAD = ("what", "target", "measured", "quartiles", "verdict")
_OF_A_QUICK_RUN = (
    f"In this short run a figure is missed beyond {QUICK_MARGIN:g} times its target;"
    " a full run goes by the targets."
)


def rows(figures: Iterable[Figure], *, quick: bool) -> list[tuple[str, ...]]:
    """Return a row of text for each figure."""
    return [
        (
            figure.name,
            target(figure),
            measured(figure),
            f"{_number(figure.spread.low)} … {_number(figure.spread.high)}",
            figure.verdict(quick=quick).value,
        )
        for figure in figures
    ]


def text(answers: Mapping[str, Answer], *, quick: bool) -> str:
    """Return the table for a terminal; the keys are the questions' titles."""
    named = {title: rows(answer.figures, quick=quick) for title, answer in answers.items()}
    every = [HEAD, *(row for some in named.values() for row in some)]
    widths = [max(len(row[column]) for row in every) for column in range(len(HEAD))]
    lines = [_line(HEAD, widths)]
    for title, some in named.items():
        lines += ["", title, *(_line(row, widths) for row in some)]
    if quick:
        lines += ["", _OF_A_QUICK_RUN]
    return "\n".join(lines)


def markdown(figures: Iterable[Figure]) -> str:
    """Return the table of one question in Markdown, as of a full run."""
    lines = [HEAD, ("---", "--:", "--:", "--:", "---"), *rows(figures, quick=False)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    first, *others = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
    return f"  {first}  {'  '.join(others)}".rstrip()


def target(figure: Figure) -> str:
    """Return the target of a figure, as text."""
    if figure.limit is None:
        return "-"
    sign = "≥" if figure.at_least else "≤"
    return _with_unit(f"{sign} {_number(figure.limit)}", figure.unit)


def measured(figure: Figure) -> str:
    """Return the median of a figure, as text."""
    return _with_unit(_number(figure.spread.middle), figure.unit)


def _with_unit(number: str, unit: str) -> str:
    return f"{number} {unit}".rstrip()


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 100:  # noqa: PLR2004 - three digits say enough
        return f"{value:,.0f}"
    return f"{value:.3g}"
