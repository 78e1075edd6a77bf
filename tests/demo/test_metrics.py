from aurora_otel.demo.metrics import Measurements, average, changes, total
from tests.demo.runs import point, unix_ns


def test_a_change_has_the_value_before_and_the_last_one():
    exports = [
        [
            point("aurora.failovers", 0, at=1),
            point("aurora.connection.count", 20, at=1, on="lab-1"),
        ],
        [
            point("aurora.failovers", 1, at=3),
            point("aurora.connection.count", 20, at=3, on="lab-1"),
        ],
        [point("aurora.failovers", 2, at=4), point("other.metric", 5, at=4)],
    ]
    (change,) = changes(exports, unix_ns(2))
    assert (change.name, change.unit, change.before, change.after) == (
        "aurora.failovers",
        "s",
        0,
        2,
    )


def test_a_series_that_was_born_later_counts_from_zero():
    (change,) = changes([[point("aurora.x", 5, at=3)]], unix_ns(2))
    assert (change.before, change.after) == (0, 5)


def test_a_histogram_has_measurements_and_their_average_and_not_their_sum():
    exports = [
        [point("aurora.x", total=0.5, at=1)],
        [point("aurora.x", total=1.5, count=3, at=3), point("aurora.y", total=0.0, count=0, at=3)],
        [point("aurora.z", total=0.25, at=3)],
    ]
    grown, born = changes(exports, unix_ns(2))
    assert (grown.before, grown.after) == (Measurements(1, 0.5), Measurements(3, 0.5))
    assert (born.before, born.after) == (Measurements(0, 0), Measurements(1, 0.25))
    assert average(exports, "aurora.x") == 0.5
    assert average(exports, "aurora.y") is None
    assert average(exports, "aurora.nothing") is None


def test_series_are_distinguished_by_their_attributes():
    exports = [
        [point("aurora.x", 1, at=1, on="lab-1"), point("aurora.x", 2, at=1, on="lab-2")],
        [point("aurora.x", 1, at=3, on="lab-1"), point("aurora.x", 3, at=3, on="lab-2")],
    ]
    (change,) = changes(exports, unix_ns(2))
    assert (change.attributes, change.before, change.after) == ({"on": "lab-2"}, 2, 3)


def test_a_total_adds_up_the_series_of_the_last_export_that_match():
    exports = [
        [point("aurora.x", 9, outcome="closed")],
        [
            point("aurora.x", 1, on="a", outcome="closed"),
            point("aurora.x", 2, on="b", outcome="closed"),
            point("aurora.x", 4, on="b", outcome="failed"),
        ],
        [point("aurora.y", 1)],
    ]
    assert total(exports, "aurora.x", {"outcome": "closed"}) == 3
    assert total(exports, "aurora.x") == 7
    assert total(exports, "aurora.z") is None
