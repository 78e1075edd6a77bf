"""Numbers as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aurora_otel.demo.report.model import Figure, Value


def duration(seconds: float) -> str:
    """Return a duration with its unit."""
    if seconds == 0 or abs(seconds) >= 0.1:  # noqa: PLR2004 - below, milliseconds read better
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.1f} ms"


def moment(seconds: float) -> str:
    """Return a time since the failover began."""
    return f"{seconds + 0.0:.2f} s"


def count(number: int, what: str) -> str:
    """Return a number with the noun in its number."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def amount(value: Value, figure: Figure) -> str:
    """Return a figure's value without its unit, or what its absence means."""
    if value is None or value == ():
        return figure.absent
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return ", ".join(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def brief(value: Value, figure: Figure) -> str:
    """Return a figure's value with its unit, for the summary."""
    if isinstance(value, float):
        return duration(value)
    return amount(value, figure)
