"""What is stale where an instance may be the writer's very server, by another address."""

from __future__ import annotations

import itertools

import pytest

from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.former_writers import Cause
from aurora_otel.model.topology import Role
from tests.support.detectors import detector, verdict
from tests.unit.test_detector import Connection

# Opened through what the verdict does not spare.
JUDGED = [kind for kind in EndpointType if kind is not EndpointType.READER]


def in_doubt(old="old", new="new"):
    """Return a detector that spares what is doubtful, and found at 20 that `old` has gone."""
    made = detector(old)
    made.spares_doubtful = True
    made.judge(verdict(new, 20.0))
    return made


@pytest.mark.parametrize("kind", JUDGED)
def test_only_what_was_opened_before_its_server_was_found_gone_is_stale(kind):
    for opened_at, cause in ((10.0, Cause.WRITER_CHANGED), (20.0, None), (30.0, None)):
        there = Connection(kind, "old", opened_at=opened_at)
        assert in_doubt().staleness(there) is cause


@pytest.mark.parametrize("kind", JUDGED)
def test_a_write_that_a_reader_refused_makes_its_connection_stale(kind):
    for role, is_refused in itertools.product(Role, (True, False)):
        beside = Connection(kind, "other", role, refused=is_refused)
        is_stale = in_doubt().staleness(beside) is not None
        assert is_stale is (role is Role.READER and is_refused)


def test_a_write_that_was_refused_since_does_not_count_yet():
    beside = Connection(EndpointType.OTHER, "other", Role.READER, refused=True)
    assert in_doubt().staleness(beside, as_of=10.0) is None
    assert in_doubt().staleness(beside, as_of=10.1) is Cause.WRITE_REFUSED


@pytest.mark.parametrize("instance", ["old", "other"])
def test_who_reads_by_the_reader_endpoint_keeps_the_connection(instance):
    for role, is_refused in itertools.product(Role, (True, False)):
        reading = Connection(EndpointType.READER, instance, role, refused=is_refused)
        assert in_doubt().staleness(reading) is None


@pytest.mark.parametrize(
    ("facts", "change"), list(itertools.product(range(8), [("old", "new"), ("new", "old")]))
)
def test_no_connection_to_the_writer_is_ever_stale(facts, change):
    role = Role.WRITER if facts & 1 else Role.READER
    opened_at = 10.0 if facts & 2 else 30.0
    held = Connection(EndpointType.WRITER, change[1], role, opened_at, refused=bool(facts & 4))
    assert in_doubt(*change).staleness(held) is None
