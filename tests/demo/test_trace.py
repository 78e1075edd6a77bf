from aurora_otel.demo.trace import failovers
from tests.demo.runs import failover_spans, span, unix_ns


def test_a_failover_has_its_children_its_caller_and_what_decided_it():
    (found,) = failovers(reversed(failover_spans(verdict=12.0)))
    assert [(depth, one.name) for depth, one in found.tree.walk()] == [
        (0, "failover"),
        (1, "invalidate connections"),
    ]
    assert found.caller is not None
    assert found.caller.name == "INSERT"
    assert [one.name for one in found.deciding] == ["refresh topology"]
    assert found.verdict_ns == unix_ns(12.0)


def test_children_stand_in_the_order_of_their_starts_and_failovers_too():
    first, second = failovers(
        [
            span("failover", 30, 31, id_="b"),
            span("late", 13, 14, id_="2", parent="a"),
            span("early", 12, 14, id_="1", parent="a"),
            span("failover", 11, 15, id_="a"),
        ]
    )
    assert [one.span.name for one in first.tree.children] == ["early", "late"]
    assert second.tree.children == ()


def test_a_link_to_a_span_that_was_not_exported_decides_nothing():
    (found,) = failovers([span("failover", 11, 12, id_="a", parent="gone", links=["gone"])])
    assert (found.caller, found.deciding, found.verdict_ns) == (None, (), None)


def test_no_failover_no_trace():
    assert failovers([span("refresh topology", 1, 2, id_="a")]) == []
