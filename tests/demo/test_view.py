from dataclasses import replace
from io import StringIO

from rich.console import Console

from aurora_otel.demo.live import watching
from aurora_otel.demo.promises import Control, Promise
from aurora_otel.demo.recording import Timeline
from aurora_otel.demo.view import control_line, promise_line, show
from aurora_otel.lab import Failover
from tests.demo.runs import TELEMETRY, hung, point, result, with_agent


def shown(result, width=140):
    console = Console(file=StringIO(), width=width)
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
    assert line.split() == ["aurora.failovers", "0", "1"]


def test_a_histogram_shows_what_it_measured():
    exports = (
        *TELEMETRY["exports"],
        (point("aurora.failover.cleanup.duration", total=0.1, at=13),),
    )
    lines = shown(result(with_agent=with_agent(exports=exports))).splitlines()
    (line,) = [line for line in lines if "cleanup.duration" in line]
    assert line.split() == ["aurora.failover.cleanup.duration", "none", "1,", "avg", "0.10", "s"]


def test_in_80_columns_names_of_metrics_stay_whole_and_nothing_is_wider():
    attributes = {
        "aurora__invalidation__cause": "writer_changed",
        "aurora__invalidation__outcome": "closed",
        "aurora__instance__id": "orders-instance-1",
    }
    changed = point("aurora.failover.detection.duration", total=0.1, at=13, **attributes)
    text = shown(result(with_agent=with_agent(exports=((changed,),))), width=80)
    assert changed.name in text
    assert all(f"{name.replace('__', '.').removeprefix('aurora.')}={value}" in text
               for name, value in attributes.items())  # fmt: skip
    assert max(map(len, text.splitlines())) <= 80


def test_attempts_and_accepted_writes_are_two_rows():
    rows = {line.strip()[:19]: line.split()[-2:] for line in shown(result()).splitlines()}
    assert rows["attempts to write  "] == ["3", "2"]
    assert rows["accepted           "] == ["0", "2"]


def test_the_third_run_says_what_was_set_for_it():
    text = shown(result(Failover.HANG, every_thread_hung=hung()))
    assert (
        text.count("AURORA_OTEL_STUCK_AFTER=2") == 3
    )  # the explanation, its column, its telemetry


def test_a_control_says_in_words_whether_the_problem_was_shown():
    assert control_line(Control("It fails.", shown=True, measured=3)).plain == (
        "✓ control  It fails. (measured: 3)"
    )
    assert "NOT SHOWN" in control_line(Control("It fails.", shown=False, measured=0)).plain


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
    assert "accepted writes" in console.file.getvalue()
