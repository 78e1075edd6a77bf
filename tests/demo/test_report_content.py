"""What a report says, before it becomes a page."""

import pytest

from aurora_otel.demo.recording import Outcome, Sample
from aurora_otel.demo.report import of_demo
from aurora_otel.demo.report.draw import draw_lanes
from aurora_otel.demo.report.draw_narrow import draw_lanes_narrow
from aurora_otel.demo.report.drawing import Drawing, ticks
from aurora_otel.demo.report.model import Kind, Lane, Moment, MomentKind, Step
from tests.demo.runs import NEW, OLD, recording, result, sample, write


def test_the_lanes_of_writes_add_up_to_the_figures(whole):
    report = of_demo(whole)
    for run, name in zip(report.runs, ("without", "with", "with_every_thread_hung"), strict=True):
        figures = whole.as_json()[name]
        counted = {lane.kind: sum(step.count for step in lane.steps) for lane in run.writes}
        waiting = counted.pop(Kind.WAITING, 0)
        never_answered = sum(one.count for one in run.failures if one.outcome == "never answered")
        assert sum(counted.values()) + never_answered == figures["writes"]
        assert counted[Kind.LOST] == figures["closed_writes"]
        failed = counted[Kind.REFUSED] + counted.get(Kind.FAILED, 0) + never_answered
        assert failed == figures["failed_writes"]
        assert bool(waiting) == any(call.end - call.start >= 0.25 for call in _run(whole, name))


def _run(whole, name):
    (run,) = [run for run in whole.runs if run.name == name]
    return run.writes


def test_a_write_that_waits_is_seen_from_its_begin_on():
    hanging = write("idle-1", 12, 19.9, Outcome.IN_FLIGHT)
    report = of_demo(result(with_agent=recording(in_flight=(hanging,))))
    (lane,) = [lane for lane in report.runs[1].writes if lane.kind is Kind.WAITING]
    assert [step.count for step in lane.steps if step.start >= 2] == [1] * 32
    assert sum(step.count for step in lane.steps) == 32


def test_connections_are_drawn_where_the_servers_counted_them():
    (lane, *_) = of_demo(result()).runs[0].connections
    assert (lane.kind, lane.name, lane.total) == (
        Kind.OLD_WRITER,
        "lab-1 (old writer)",
        "20 sessions in the end",
    )
    assert lane.steps == (Step(2, 10, 20),)


def test_connections_that_are_not_identified_at_one_time_only_are_drawn_then():
    samples = [sample(2, 20), Sample(12, NEW, {OLD: 0, NEW: 19, "unknown": 1})]
    run = of_demo(result(with_agent=recording(samples=samples))).runs[1]
    (lane,) = [lane for lane in run.connections if lane.name == "unknown"]
    assert (lane.kind, lane.total) == (Kind.READER, "0 sessions in the end")
    assert [step.count for step in lane.steps] == [0, 1]


def test_the_waterfall_has_the_spans_in_order_and_says_which_decided():
    spans = of_demo(result()).runs[1].spans
    assert [(span.name, span.depth, span.remark) for span in spans] == [
        ("INSERT", 0, "the call that saw the symptom"),
        ("failover", 1, ""),
        ("refresh topology", 1, "decided the failover"),
        ("invalidate connections", 2, ""),
    ]
    assert (spans[2].start, spans[2].end) == pytest.approx((1.6, 2.0))


def test_the_moments_are_those_of_the_run():
    moments = of_demo(result()).runs[1].moments
    assert [round(one.at, 3) for one in moments] == [0, 1, 2, 4]


@pytest.mark.parametrize("draw", [draw_lanes, draw_lanes_narrow])
def test_little_is_drawn_as_a_hairline_and_nothing_as_nothing(draw):
    lane = Lane(Kind.REFUSED, "refused", "1 write", ("writes",), (Step(0, 1, 1), Step(1, 2, 0)))
    drawing = draw(
        Drawing("id", "title", "description"),
        [lane],
        moments=[Moment(0.5, "now", MomentKind.VERDICT)],
        span=(0, 2),
        tallest=[10_000],
    )
    (bar,) = drawing.rectangles
    assert bar.height == 2
    assert "10,000 writes" in [text.content for text in drawing.texts]


def test_an_event_has_one_style_of_line_in_every_run(whole):
    styles: dict[str, set[str]] = {}
    for run in of_demo(whole).runs:
        for moment in run.moments:
            styles.setdefault(moment.what, set()).add(moment.kind.value)
    assert len(styles) == 4
    assert sorted(map(len, styles.values())) == [1] * 4
    assert len(set.union(*styles.values())) == 4


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-4.1, 7.2, range(-4, 8, 2)), (0, 26.8, range(0, 26, 5)), (0, 0.05, (0, 0.01, 0.02))],
)
def test_ticks_are_round_and_within(low, high, expected):
    assert ticks(low, high, 8)[: len(expected)] == pytest.approx(list(expected))


def test_it_says_by_which_command_it_is_made_again():
    again = of_demo(result(pool="sqlalchemy", dns_lag=5, kind="plain")).command
    assert "--kind plain --pool sqlalchemy --dns-lag 5" in again
    assert not {"--pool", "--kind"} & set(of_demo(result()).command.split())
