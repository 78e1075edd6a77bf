"""What a process under `opentelemetry-instrument` exports: the spans."""

import pytest

from aurora_otel.collector import SpanKind, SpanStatus
from aurora_otel.telemetry import names
from aurora_otel.telemetry.spans import MOST_LINKS
from tests.telemetry.story import IN_VAIN

OURS = {span.name for span in names.SPANS}
INVALIDATION_COUNTS = {f"aurora.invalidations.{o}" for o in ("closed", "failed", "observed")}


def by_id(exported):
    return {span.span_id: span for span in exported.collector.spans}


def path(exported, span):
    """The names of the spans from the root down to `span`."""
    found, spans = [], by_id(exported)
    while span is not None:
        found.append(span.name)
        span = spans.get(span.parent_id)
    return found[::-1]


def is_below(exported, span, ancestor):
    while span is not None and span.span_id != ancestor:
        span = by_id(exported).get(span.parent_id)
    return span is not None


def failover(exported, symptom):
    (found,) = [
        span
        for span in exported.spans("failover")
        if span.attributes["aurora.failover.symptom"] == symptom
    ]
    return found


def children(exported, span, name):
    return [found for found in exported.spans(name) if found.parent_id == span.span_id]


def test_every_span_arrives_with_its_kind_and_attributes(exported):
    expected = {span.name: set(span.attributes) for span in names.SPANS}
    expected["invalidate connections"] -= {"aurora.invalidations.<outcome>"}
    expected["invalidate connections"] |= INVALIDATION_COUNTS
    expected["refresh topology"] -= {"error.type", "aurora.topology.writer_id"}
    # Of connects that went straight: in tests/behaviour/test_stale_names.py.
    expected["track connection"] -= {names.STRAIGHT_REASON}
    seen = set()
    for span in exported.collector.spans:
        if span.scope.name != "aurora_otel":
            assert span.name not in OURS
            continue
        seen.add(span.name)
        assert span.kind is SpanKind.INTERNAL
        if span.name == "prune connections":
            assert span.attributes
            assert set(span.attributes) <= {
                f"aurora.prunes.{reason}" for reason in ("garbage_collected", "closed", "hung_up")
            }
            continue
        optional = set()
        if span.name == "refresh topology":
            optional = {"error.type", "aurora.topology.writer_id"}
        if span.name == "track connection":
            optional = {names.STRAIGHT_REASON}
        assert set(span.attributes) - optional == expected[span.name]
    # RDS's own events are shown in tests/rds_api.
    assert seen >= OURS - {"prune connections", "control plane failover"}


def test_a_connect_is_a_child_of_the_callers_span(cleaned_up):
    connect = cleaned_up.calls["connect"].span
    tracked = [s for s in cleaned_up.spans("track connection") if s.parent_id == connect]
    assert len(tracked) == 40
    for span in tracked:
        assert span.attributes["aurora.endpoint.type"] == "writer"
        assert span.attributes["server.address"].startswith("lab.cluster-")
        assert isinstance(span.attributes["server.port"], int)
        assert span.end_ns > span.start_ns
    assert {path(cleaned_up, s)[0] for s in cleaned_up.spans("track connection")} == {"connect"}


def test_our_own_statements_have_no_spans(exported):
    # The application's own, and its threads', each below one of its requests.
    for span in exported.collector.spans:
        if span.scope.name.startswith("opentelemetry.instrumentation."):
            assert path(exported, span)[0] in (
                "write",
                "write_in_a_read_only_transaction",
                "get_stuck",
            )


def test_query_spans_carry_instance_and_role_and_others_do_not(cleaned_up):
    for span in cleaned_up.collector.spans:
        if span.scope.name.startswith("opentelemetry.instrumentation."):
            assert span.attributes["aurora.instance.id"].startswith("lab-")
            assert span.attributes["aurora.instance.role"] in ("writer", "reader")
        elif span.scope.name == "the.application":
            assert not [key for key in span.attributes if key.startswith("aurora.")]


def test_rounds_of_pruning_and_what_they_lead_to_are_roots(cleaned_up):
    # The background thread was started inside a call, whose context upstream's threading
    # instrumentation hands to it.
    pruned = cleaned_up.spans("prune connections")
    assert pruned
    roots = [*pruned, failover(cleaned_up, "hung_up"), failover(cleaned_up, "stuck")]
    assert [span.parent_id for span in roots] == [None] * len(roots)
    for symptom in ("hung_up", "stuck"):
        deciding = by_id(cleaned_up)[failover(cleaned_up, symptom).links[0].span_id]
        assert deciding.parent_id is None


def test_counts_of_pruned_connections_by_reason(cleaned_up):
    for reason in ("garbage_collected", "closed"):
        counts = [
            span.attributes.get(f"aurora.prunes.{reason}", 0)
            for span in cleaned_up.spans("prune connections")
        ]
        assert sum(counts) == 1


def test_symptoms_without_a_change_of_the_writer_make_no_failover(cleaned_up):
    calm = [span.name for span in cleaned_up.calls["calm"]]
    assert "failover" not in calm
    assert "refresh topology" in calm
    assert len(cleaned_up.spans("failover")) == len(cleaned_up.switches)


@pytest.mark.parametrize(
    ("call", "where"),
    [
        # Where upstream's query span of the call is the current one: psycopg raises below it,
        # psycopg2 above.
        ("write refused", ["write", "INSERT"]),
        ("refused", ["write", "INSERT"]),
        ("strayed", ["write", "INSERT"]),
        ("read only", ["write_in_a_read_only_transaction"]),
    ],
)
def test_a_refresh_is_a_child_of_the_call_that_starts_it(cleaned_up, call, where):
    refreshes = [
        span
        for span in cleaned_up.spans("refresh topology")
        if path(cleaned_up, span) == [*where, "refresh topology"]
        and is_below(cleaned_up, span, cleaned_up.calls[call].span)
    ]
    assert refreshes
    for refresh in refreshes:
        assert refresh.attributes["aurora.topology.source"] == "sql"
    assert refreshes[-1].attributes["aurora.topology.confirmed"] is True
    assert set(refreshes[-1].attributes["aurora.topology.instances"]) <= {"lab-1", "lab-2", "lab-3"}


def test_a_refresh_in_vain_is_an_error(observed):
    vain = [
        span
        for span in observed.spans("refresh topology")
        if not span.attributes["aurora.topology.confirmed"]
    ]
    assert vain
    for span in vain:
        assert span.attributes["error.type"] in IN_VAIN
        assert span.status is SpanStatus.ERROR


def test_a_failover_belongs_to_the_call_that_saw_the_symptom(cleaned_up):
    found = failover(cleaned_up, "read_only")
    switch = cleaned_up.switches[0]
    assert found.attributes["aurora.failover.old_writer"] == switch.old_writer
    assert found.attributes["aurora.failover.new_writer"] == switch.new_writer
    query = by_id(cleaned_up)[found.parent_id]
    assert query.parent_id == cleaned_up.calls["refused"].span
    assert query.start_ns < found.start_ns < found.end_ns < query.end_ns
    for symptom, call in (("topology", "contradiction"), ("misrouted", "misrouted")):
        assert failover(cleaned_up, symptom).parent_id == cleaned_up.calls[call].span


def test_a_failover_starts_with_its_first_symptom_not_with_the_refresh_that_decides(observed):
    found = failover(observed, "connection_lost")
    query = by_id(observed)[found.parent_id]
    assert query.parent_id == observed.calls["lost"].span
    assert query.start_ns < found.start_ns < query.end_ns
    # The topology was published only after two calls had refreshed in vain.
    deciding = by_id(observed)[found.links[0].span_id]
    assert found.start_ns < query.end_ns < deciding.end_ns


def test_a_failover_links_to_the_refresh_that_decided(exported):
    for span in exported.spans("failover"):
        (link,) = span.links
        deciding = by_id(exported)[link.span_id]
        assert (deciding.name, deciding.trace_id) == ("refresh topology", link.trace_id)
        assert deciding.attributes["aurora.topology.confirmed"] is True
        writer = deciding.attributes["aurora.topology.writer_id"]
        assert writer == span.attributes["aurora.failover.new_writer"]


def test_invalidations_stand_below_their_failover_and_add_up(exported):
    for span in exported.spans("failover"):
        below = children(exported, span, "invalidate connections")
        total = sum(s.attributes[count] for s in below for count in INVALIDATION_COUNTS)
        assert total == span.attributes["aurora.failover.invalidated"]
        for child in below:
            assert span.start_ns <= child.start_ns <= child.end_ns <= span.end_ns
            instance = child.attributes["aurora.instance.id"]
            assert instance == span.attributes["aurora.failover.old_writer"]
            assert child.attributes["aurora.invalidation.cause"] == "writer_changed"


def test_invalidations_link_to_where_the_connections_were_opened_at_most_32(cleaned_up):
    (span,) = children(cleaned_up, failover(cleaned_up, "read_only"), "invalidate connections")
    assert sum(span.attributes[count] for count in INVALIDATION_COUNTS) > MOST_LINKS
    assert len(span.links) == MOST_LINKS == 32
    opened = {s.span_id: s.trace_id for s in cleaned_up.spans("track connection")}
    for link in span.links:
        assert opened[link.span_id] == link.trace_id


def test_no_span_has_events(exported):
    ours = [span for span in exported.collector.spans if span.scope.name == "aurora_otel"]
    assert ours
    assert [span.name for span in ours if span.events] == []


def test_a_tracked_connection_shows_the_address_that_it_leads_to(cleaned_up):
    (tracked, *_) = cleaned_up.spans("track connection")
    assert tracked.attributes["network.peer.address"] != tracked.attributes["server.address"]
    assert tracked.attributes["network.peer.port"] == tracked.attributes["server.port"]


def test_stale_connections_that_a_later_verdict_finds_have_a_root_of_their_own(cleaned_up):
    roots = {
        span.attributes["aurora.invalidation.cause"]: span
        for span in cleaned_up.spans("invalidate connections")
        if span.parent_id is None
    }
    assert set(roots) == {"write_refused", "misrouted"}
    for span in roots.values():
        assert span.attributes["aurora.invalidations.closed"] == len(span.links) == 1
