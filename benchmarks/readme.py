"""The README's measured figures: taken from the documents that the measurements write."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
SERVICE = ROOT / "docs" / "service.md"
PERFORMANCE = ROOT / "docs" / "performance.md"
_FLASK = "Flask service with three gunicorn workers"
_REQUESTS = "docs/service.md#failed-requests"
_LATE = "docs/service.md#first-write-while-dns-is-late"
_CALLS = "docs/performance.md#added-to-a-call-on-a-healthy-connection"
_HEAD = "| measured | without | AWS's wrapper | aurora-otel |\n|---|---|---|---|\n"
_TABLE = re.compile(re.escape(_HEAD) + r"(?:\|.*\n)*")


def table() -> str:
    """Return the table, as the documents have the figures now.

    Raises:
        ValueError: a document lacks a figure.
    """
    service, performance = (path.read_text(encoding="utf-8") for path in (SERVICE, PERFORMANCE))
    late = {
        name: _row(service, rf"{name} \| [\d.]+ \| (.+? s)")[0]
        for name in ("without the agent", "AWS's wrapper", "with the agent")
    }
    (lag,) = _figure(service, r"leads to the old writer for ([\d.]+) s more")
    requests = {
        name: _row(service, rf"{name} \| ([\d,]+) \| ([\d,]+)")
        for name in ("without the agent", "with the agent")
    }
    without, with_agent = (f"{failed} of {all_}" for all_, failed in requests.values())
    added = {
        name: _row(performance, rf"{name} adds to a null call \| - \| (.+?)")[0]
        for name in ("AWS: tracker", "ours")
    }
    rows = (
        (
            f"failed requests of a [{_FLASK}]({_REQUESTS}), through a switchover",
            *(without, "-", with_agent),
        ),
        (
            f"from a switchover to the [first accepted write]({_LATE}), with DNS {lag} s late",
            *late.values(),
        ),
        (
            f"added to a [call]({_CALLS})",
            *("-", added["AWS: tracker"], added["ours"]),
        ),
    )
    return _HEAD + "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def update() -> None:
    """Write the table into the README."""
    README.write_text(with_figures(README.read_text(encoding="utf-8")), encoding="utf-8")


def with_figures(text: str) -> str:
    """Return the README with the figures of the documents."""
    return _TABLE.sub(lambda _: table(), text, count=1)


def _row(text: str, pattern: str) -> tuple[str, ...]:
    return _figure(text, rf"^\| {pattern} \|")


def _figure(text: str, pattern: str) -> tuple[str, ...]:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        message = f"no figure for {pattern}: run `make service` or `make bench`"
        raise ValueError(message)
    return found.groups()


if __name__ == "__main__":
    update()
