"""What a person sees while a run goes on: a live panel, or a line each second."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from aurora_otel.demo.glance import Glance, glance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

    from aurora_otel.demo.recording import Timeline

LEVELS = "▁▂▃▄▅▆▇█"
BAR_CELLS = 30


@contextmanager
def watching(timeline: Timeline, title: str, console: Console) -> Iterator[None]:
    """Show `timeline` on `console` as it grows."""
    if console.is_terminal:
        with Live(
            console=console,
            get_renderable=lambda: panel(glance(timeline, time.monotonic()), title),
            refresh_per_second=5,
        ):
            yield
        return
    console.print(title)
    ended = threading.Event()

    def print_line() -> None:
        seen = line(glance(timeline, time.monotonic()))
        console.print(seen, highlight=False, soft_wrap=True)

    def print_lines() -> None:
        while not ended.wait(1):
            print_line()

    thread = threading.Thread(target=print_lines, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        print_line()


def line(seen: Glance) -> str:
    """Return a run so far in one line of plain text."""
    if seen.writer is None:
        return f"  {seen.phase.value}"
    sessions = " ".join(f"{instance}={count}" for instance, count in seen.sessions.items())
    return (
        f"  {seen.seconds:4.0f} s  {seen.phase.value:18}  "
        f"writer {seen.writer}  sessions {sessions}  "
        f"accepted/s {previous(seen.succeeded):4d}  failed {seen.refused_writes}  "
        f"closed {seen.closed_writes}  waiting {seen.waiting}"
    )


def panel(seen: Glance, title: str) -> RenderableType:
    """Return a run so far as a panel for a terminal."""
    numbers = Table.grid(padding=(0, 2))
    numbers.add_column(justify="right", style="dim")
    numbers.add_column()
    numbers.add_row("accepted writes", per_second(seen.succeeded, "green"))
    numbers.add_row("failed writes", per_second(seen.failed, "red"))
    numbers.add_row(
        "so far",
        f"{seen.refused_writes} failed · {seen.closed_writes} on lost connections · "
        f"{seen.waiting} waiting for an answer",
    )
    instances = Table.grid(padding=(0, 2))
    for instance, count in seen.sessions.items():
        role = "writer" if instance == seen.writer else "reader"
        colour = "green" if role == "writer" else "yellow"
        instances.add_row(
            instance,
            Text(role, style=colour),
            Text("■" * min(count, BAR_CELLS), style=colour)
            + Text(f" {count} sessions", style="dim"),
        )
    return Panel(
        Group(numbers, Text(), instances),
        title=title,
        subtitle=f"{seen.phase.value} · {seen.seconds:.0f} s",
        title_align="left",
        subtitle_align="left",
        width=min(100, BAR_CELLS + 60),
    )


def per_second(counts: Sequence[int], colour: str) -> Text:
    """Return `counts` as a sparkline with the last full second's number."""
    return Text(sparkline(counts), style=colour) + Text(f"  {previous(counts)}/s", style="default")


def sparkline(counts: Sequence[int]) -> str:
    """Return one character for each of `counts`, relative to the largest; zeros are blank."""
    largest = max(counts, default=0)
    return "".join(
        LEVELS[(count * len(LEVELS) - 1) // largest] if count else " " for count in counts
    )


def previous(counts: Sequence[int]) -> int:
    """Return the count of the last full second."""
    return counts[-2] if len(counts) > 1 else 0
