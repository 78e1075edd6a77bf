"""A drawing as plain shapes, which a template writes as SVG; lengths are its own units."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rectangle:
    """A filled rectangle; `style` is its class in the style sheet."""

    x: float
    y: float
    width: float
    height: float
    style: str


@dataclass(frozen=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    style: str


@dataclass(frozen=True)
class Text:
    """A line of text; `anchor` is `start`, `middle` or `end`."""

    x: float
    y: float
    content: str
    style: str
    anchor: str = "start"


@dataclass(frozen=True)
class Curve:
    """Straight lines from point to point."""

    points: tuple[tuple[float, float], ...]
    style: str


@dataclass
class Drawing:
    """A graphic and what it says to readers who do not see it."""

    id: str
    title: str
    description: str
    width: float = 0
    height: float = 0
    rectangles: list[Rectangle] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


@dataclass(frozen=True)
class Scale:
    """Where a value lies between two places."""

    low: float
    high: float
    left: float
    right: float

    def __call__(self, value: float) -> float:
        """Return the place of `value`."""
        share = (value - self.low) / (self.high - self.low)
        return self.left + share * (self.right - self.left)


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return `about` that many round values from `low` to `high`, 0 among them if it lies there."""
    wanted = (high - low) / about
    power = 10.0 ** math.floor(math.log10(wanted))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= wanted)
    return [
        number * step for number in range(math.ceil(low / step), math.floor(high / step + 1e-9) + 1)
    ]
