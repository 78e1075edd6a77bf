"""What a person sees in the end: both runs side by side, the failover, the promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.semconv.attributes.db_attributes import DB_SYSTEM_NAME
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from aurora_otel.demo.figures import LAST_SECONDS, Figures, figures
from aurora_otel.demo.metrics import PREFIX, Change, Measurements, changes
from aurora_otel.demo.report.words import duration
from aurora_otel.demo.stories import COLUMNS, command, explanation
from aurora_otel.demo.trace import FailoverTrace, Node, failovers
from aurora_otel.telemetry import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from aurora_otel.collector import Attributes, Span, Value
    from aurora_otel.demo.metrics import Amount
    from aurora_otel.demo.promises import Control, Promise
    from aurora_otel.demo.recording import Recording
    from aurora_otel.demo.result import Result

COMMON = {names.CLUSTER_ID, DB_SYSTEM_NAME}
"""Attributes that every series and span of the demo has, with one and the same value."""

OUTPUT_LINES = 20
"""How much of what the application wrote on standard error is shown."""


def show(result: Result, console: Console) -> None:
    """Print `result` on `console`."""
    switch = result.with_agent.switch
    console.print()
    console.print(
        f"{result.failover.value}: the writer changed from {switch.old_writer} "
        f"to {switch.new_writer}",
        style="bold",
        highlight=False,
    )
    story = explanation(result.failover, result.every_thread_hung, restarts=result.restarts)
    console.print(story, highlight=False)
    console.print()
    for run in result.runs:
        console.print(f"{COLUMNS[run.name]}: {command(run)}", highlight=False, soft_wrap=True)
    console.print(side_by_side(result))
    for run in result.runs:
        if run is not result.without:
            show_telemetry(run, command(run), console)
    console.print()
    for control in result.controls:
        console.print(control_line(control))
    for promise in result.promises:
        console.print(promise_line(promise))
    for run in result.runs:
        if run.output and not result.kept:
            console.print(f"{command(run)} wrote on standard error:", style="bold")
            console.print(Text("\n".join(run.output.splitlines()[-OUTPUT_LINES:]), "dim"))


def show_telemetry(run: Recording, title: str, console: Console, *, metrics: bool = True) -> None:
    """Print what the agent exported about `run`, with or without the metrics that changed."""
    console.print(f"What the agent exported ({title})", style="bold")
    traces = failovers(run.telemetry.spans)
    for trace in traces:
        console.print(tree(trace))
    if not traces:
        console.print("no failover span")
    if not metrics:
        return
    began_ns = run.clock.unix(run.switch.began)
    console.print(metric_table(changes(run.telemetry.exports, began_ns)))


def side_by_side(result: Result) -> Table:
    """Return the figures of all runs, a column each."""
    table = Table(box=SIMPLE)
    table.add_column("")
    for run in result.runs:
        table.add_column(COLUMNS[run.name], justify="right")
    columns = [dict(rows(figures(run))) for run in result.runs]
    for label in columns[0]:
        table.add_row(label, *(column[label] for column in columns))
    return table


def rows(run: Figures) -> Iterator[tuple[str, str]]:
    """Yield the figures of a run, each with what it is."""
    yield "attempts to write", str(run.writes)
    yield "  accepted", str(run.accepted_writes)
    yield "  lost with their connection", str(run.closed_writes)
    yield "  refused or failed otherwise", str(run.failed_writes)
    yield f"    in the last {LAST_SECONDS:g} s", str(run.failed_writes_in_the_end)
    refused = run.refused_after_published
    yield "    refused after the topology changed", str(refused.total)
    yield "      the most per thread", str(refused.most_per_writing_thread)
    yield "      on idle connections", str(refused.on_idle_connections)
    yield "      on connections opened after it", str(refused.on_new_connections)
    yield "calls that never returned", str(run.hung_calls)
    yield "sessions left on the old writer", str(run.sessions_on_old_writer)
    yield "topology names the new writer after", seconds(run.seconds_to_published)
    yield "first clean write after", seconds(run.seconds_to_first_clean_write)
    yield "last failed write after", seconds(run.seconds_to_last_failed_write)
    yield "no stale connection left after", seconds(run.seconds_to_no_stale_connection)
    yield "longest without an accepted write, a thread", seconds(run.seconds_without_a_write)


def seconds(value: float | None) -> str:
    """Return a duration in seconds as people read it."""
    return "never" if value is None else f"{value:.2f} s"


def tree(trace: FailoverTrace) -> Tree:
    """Return the failover's spans as a tree, with what decided it."""
    top = Tree(_label(trace.tree.span))
    if trace.caller is not None:
        top = Tree(Text(f"{trace.caller.name}, the call that saw the symptom", style="dim"))
        _grow(top, trace.tree, trace.deciding)
    else:
        _fill(top, trace.tree, trace.deciding)
    return top


def _grow(above: Tree, node: Node, deciding: tuple[Span, ...] = ()) -> None:
    _fill(above.add(_label(node.span)), node, deciding)


def _fill(branch: Tree, node: Node, deciding: tuple[Span, ...]) -> None:
    for span in deciding:
        branch.add(Text("decided by ", style="dim") + _label(span))
    for child in node.children:
        _grow(branch, child)


def _label(span: Span) -> Text:
    label = Text(span.name, style="bold") + Text(f"  {span.seconds * 1000:.1f} ms", style="cyan")
    if attributes := _attributes(span.attributes):
        label += Text(f"\n{attributes}", style="dim not bold")
    return label


def _attributes(attributes: Attributes) -> str:
    return "  ".join(
        f"{name.removeprefix(PREFIX)}={_shown(value)}"
        for name, value in sorted(attributes.items())
        if name not in COMMON
    )


def _shown(value: Value) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    return value if isinstance(value, str) else repr(value)


def metric_table(changed: Iterable[Change]) -> Table:
    """Return the metrics that changed over the failover; of a histogram, what it measured."""
    table = Table(box=SIMPLE)
    # The attributes stand below the name, so that both stay whole in a narrow terminal.
    table.add_column("metric")
    table.add_column("before", justify="right")
    table.add_column("after", justify="right")
    for change in changed:
        name = Text(change.name)
        if attributes := _attributes(change.attributes):
            name += Text(f"\n{attributes}", style="dim")
        table.add_row(name, _amount(change.before), _amount(change.after))
    return table


def _amount(amount: Amount) -> str:
    if not isinstance(amount, Measurements):
        return f"{amount:g}"
    # Each histogram of the agent's measures seconds.
    return f"{amount.count}, avg {duration(amount.average)}" if amount.count else "none"


def promise_line(promise: Promise) -> Text:
    """Return one promise and whether it was kept, in words as well as in colour."""
    verdict = Text("✓ kept  ", "green") if promise.kept else Text("✗ BROKEN", "bold red")
    return verdict + _measured(promise.promise, promise.measured)


def control_line(control: Control) -> Text:
    """Return one control and whether it showed the problem, in words as well as in colour."""
    verdict = (
        Text("✓ control", "green") if control.shown else Text("✗ CONTROL NOT SHOWN", "bold red")
    )
    return verdict + _measured(control.control, control.measured)


def _measured(words: str, measured: float | str | None) -> Text:
    shown = f"{measured:.3g}" if isinstance(measured, float) else str(measured)
    return Text(f"  {words} (measured: {shown})", "default")
