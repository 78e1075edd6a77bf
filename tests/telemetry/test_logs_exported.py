"""What a process under `opentelemetry-instrument` exports: the log records."""

from aurora_otel.model.groups import Outcome
from aurora_otel.telemetry import names

# What the RDS API says is shown in tests/rds_api: this application has no credentials.
OF_THE_API = {names.DISAGREEMENT_LOG, names.API_TROUBLE_LOG, names.API_EVENT_LOG}
COMMON = {"aurora.cluster.id": "lab", "db.system.name": "postgresql"}


def records(exported, severity, start=""):
    return [
        record
        for record in exported.collector.logs
        if record.logger.startswith("aurora_otel")
        and record.severity == severity
        and record.body.startswith(start)
    ]


def test_every_kind_of_record_arrives_with_its_attributes(cleaned_up):
    for record in set(names.LOGS) - OF_THE_API:
        severity = {"WARNING": "WARN"}.get(record.level, record.level)
        start = record.message.partition("<")[0]
        # Without a fixed beginning: what follows the number.
        found = [
            r
            for r in records(cleaned_up, severity, start)
            if start or r.body.endswith(record.message.rpartition(">")[2])
        ]
        found = [r for r in found if start or not r.body.startswith("failover")]
        assert found, record
        for each in found:
            assert each.logger == names.LOGGER
            assert set(each.attributes) == set(record.attributes)
            assert each.event_name == record.event


def outcomes_below(exported, failover):
    """What came of a failover's connections, as its spans say."""
    below = [s for s in exported.spans("invalidate connections") if s.parent_id == failover.span_id]
    counts = {
        each.value: sum(span.attributes[f"aurora.invalidations.{each.value}"] for span in below)
        for each in Outcome
    }
    return {outcome: number for outcome, number in counts.items() if number}


def test_a_failover_is_logged_as_a_warning_with_the_attributes_of_its_span(exported):
    warnings = records(exported, "WARN", "failover: ")
    spans = exported.spans("failover")
    assert len(warnings) == len(spans) == len(exported.switches)
    for record, span, switch in zip(warnings, spans, exported.switches, strict=True):
        assert record.attributes == span.attributes
        assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
        assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
        assert record.attributes.items() >= COMMON.items()
        head, _, outcomes = record.body.partition("; stale connections: ")
        old, new = switch.old_writer, switch.new_writer
        assert head == f"failover: the writer changed from {old} to {new}"
        counts = [part.split() for part in outcomes.split(", ") if part != "none"]
        assert {outcome: int(number) for number, outcome in counts} == outcomes_below(
            exported, span
        )


def test_connections_that_cannot_be_shut_down_are_an_event_of_their_failover(cleaned_up):
    (record,) = records(cleaned_up, "WARN", "could not shut down ")
    assert record.body.startswith("could not shut down 1 stale connections to ")
    (span,) = (s for s in cleaned_up.spans("failover") if s.span_id == record.span_id)
    assert record.attributes["aurora.instance.id"] == span.attributes["aurora.failover.old_writer"]
    assert record.attributes["aurora.invalidations.failed"] == 1


def test_misrouted_connections_are_logged_as_a_warning(cleaned_up):
    found = records(cleaned_up, "WARN", "stale connections: 1 closed")
    assert [record.attributes["aurora.failover.new_writer"] for record in found] == [
        cleaned_up.switches[0].old_writer,
        cleaned_up.switches[-1].new_writer,
    ]


def test_tracked_and_pruned_connections_are_logged_at_debug(cleaned_up):
    tracked = records(cleaned_up, "DEBUG", "tracked a connection")
    opened = sum(p.value for p in cleaned_up.collector.latest(names.OPENS.name))
    # The last one was opened when the agent had been broken.
    assert len(tracked) == opened == len(cleaned_up.spans("track connection"))
    pruned = records(cleaned_up, "DEBUG", "pruned a connection")
    assert len(pruned) == cleaned_up.total(names.PRUNES)


def test_an_internal_failure_is_one_error_with_our_own_frames_alone(cleaned_up):
    found = records(cleaned_up, "ERROR")
    assert len(found) == 1, [record.body for record in found]
    (record,) = found
    assert cleaned_up.calls["broken"].error is None
    assert record.attributes == {"error.type": "LookupError"}
    assert record.body.startswith("internal failure in track a connection: LookupError at ")
    assert "opening.py" in record.body
    assert "application.py" not in record.body
    assert "never-to-be-read" not in str(record)
