from dataclasses import replace
from io import StringIO

from rich.console import Console

from aurora_otel.demo.live import watching
from aurora_otel.demo.promises import Promise
from aurora_otel.demo.recording import Timeline
from aurora_otel.demo.view import promise_line, show
from tests.demo.runs import result, with_agent


def shown(result):
    console = Console(file=StringIO(), width=140)
    show(result, console)
    return console.file.getvalue()


def test_the_figures_stand_side_by_side():
    text = shown(result())
    (line,) = [line for line in text.splitlines() if "sessions left on the old writer" in line]
    assert line.split()[-2:] == ["20", "0"]


def test_the_failover_is_a_tree_below_the_call_that_saw_the_symptom():
    lines = [line.rstrip() for line in shown(result()).splitlines()]
    at = lines.index("INSERT, the call that saw the symptom")
    tree = lines[at + 1 : at + 5]
    assert [line.strip("└├─│ ").split("  ")[0] for line in tree] == [
        "failover",
        "failover.symptom=read_only",
        "decided by refresh topology",
        "invalidate connections",
    ]


def test_the_metrics_that_changed_are_shown_with_both_values():
    (line,) = [line for line in shown(result()).splitlines() if "aurora.failovers" in line]
    assert line.split() == ["aurora.failovers", "[s]", "0", "1"]


def test_a_promise_says_in_words_whether_it_was_kept():
    assert promise_line(Promise("It holds.", kept=True, measured=0)).plain == (
        "✓ kept    It holds. (measured: 0)"
    )
    assert promise_line(Promise("It holds.", kept=False, measured=1.23456)).plain == (
        "✗ BROKEN  It holds. (measured: 1.23)"
    )


def test_what_the_application_wrote_on_standard_error_is_shown_when_a_promise_broke():
    run = replace(with_agent(left=1), output="Traceback\nboom [bold]")
    assert "boom [bold]" in shown(result(with_agent=run))


def test_without_a_terminal_progress_is_plain_lines():
    console = Console(file=StringIO(), width=140)
    with watching(Timeline("with"), "1/2 the title", console):
        pass
    assert console.file.getvalue().splitlines() == ["1/2 the title", "  starting"]


def test_on_a_terminal_progress_is_a_panel():
    console = Console(file=StringIO(), width=140, force_terminal=True)
    with watching(Timeline("with"), "1/2 the title", console):
        pass
    assert "1/2 the title" in console.file.getvalue()
    assert "successful writes" in console.file.getvalue()
