"""Findings for a person, in plain text, and for a machine."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from aurora_otel.doctor.findings import Finding, Level, worst
from aurora_otel.version import __version__

_SIGNS = {Level.OK: "ok", Level.WARNING: "WARNING", Level.FAILURE: "FAILURE"}
_COLOURS = {Level.OK: "32", Level.WARNING: "33", Level.FAILURE: "31"}
_INDENT = 10
_WIDEST = 100


class Text:
    """Prints findings as they come.

    Args:
        colour: whether the terminal shows colours.
    """

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._section = ""
        self._width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)

    def lines(self, section: str, finding: Finding) -> Iterator[str]:
        """Yield the lines of one finding, and its section's title if it is the first."""
        if section != self._section:
            if self._section:
                yield ""
            self._section = section
            yield self._styled(section, "1")
        sign = _SIGNS[finding.level]
        first, *rest = self._wrapped(finding.what)
        yield f"  {self._styled(f'{sign:{_INDENT - 2}}', _COLOURS[finding.level])}{first.lstrip()}"
        yield from rest
        if finding.remedy:
            yield from self._wrapped(f"→ {finding.remedy}")

    def summary(self, findings: Iterable[Finding]) -> Iterator[str]:
        """Yield what it all comes to."""
        counts = Counter(finding.level for finding in findings)
        yield ""
        failures, warnings = counts[Level.FAILURE], counts[Level.WARNING]
        text = f"{_count(failures, 'failure')}, {_count(warnings, 'warning')}"
        yield self._styled(text, _COLOURS[worst(counts)])

    def _wrapped(self, text: str) -> list[str]:
        blank = " " * _INDENT
        return textwrap.wrap(
            text,
            max(self._width, 2 * _INDENT + 20),
            initial_indent=blank,
            subsequent_indent=blank,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


def document(findings: Iterable[tuple[str, Finding]]) -> str:
    """Return all findings as JSON."""
    found = list(findings)
    content: dict[str, Any] = {
        "version": __version__,
        "level": worst(finding.level for _, finding in found).value,
        "findings": [
            {
                "section": section,
                "check": finding.check,
                "level": finding.level.value,
                "what": finding.what,
                "remedy": finding.remedy or None,
            }
            for section, finding in found
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number or 'no'} {what}s"
