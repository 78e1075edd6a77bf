import sys

import pytest

from aurora_otel.model.topology import Role
from aurora_otel.telemetry import notes
from aurora_otel.telemetry.notes import Decision, Event, Incident
from tests.support.sql import notes_of

REFUSED = Incident(Event.WRITE_REFUSED, "orders", Decision("b", 0.3141), "a", Role.READER)


def test_a_note_says_what_happened_where_and_what_was_decided_how_long_ago():
    place = "(cluster orders, instance a, role reader)"
    decided = "b confirmed itself as the writer 0.31 s ago"
    assert str(REFUSED) == f"aurora-otel: write refused {place}: {decided}"
    closed = REFUSED._replace(is_closed=True)
    assert str(closed) == f"{REFUSED}; this connection has been shut down"
    shut_down = closed._replace(event=Event.SHUT_DOWN)
    assert str(shut_down) == f"aurora-otel: connection was shut down as stale {place}: {decided}"
    connect = Incident(Event.CONNECT_FAILED, "orders", Decision("b", 0.3141))
    assert str(connect) == f"aurora-otel: connect failed (cluster orders): {decided}"
    lost = Incident(Event.LOST, "orders", Decision(None, 2.0), "a", Role.WRITER)
    assert str(lost) == (
        "aurora-otel: connection lost (cluster orders, instance a, role writer):"
        " no writer has confirmed itself since the first symptom, 2.00 s ago"
    )


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
def test_an_error_keeps_what_it_is_and_gets_one_note():
    error = ValueError("write refused", 25006)
    error.add_note("the application's own")
    before = (type(error), error.args, str(error), repr(error))
    notes.attach(error, REFUSED)
    notes.attach(error, REFUSED._replace(event=Event.LOST))
    assert (type(error), error.args, str(error), repr(error)) == before
    assert notes_of(error) == ["the application's own", str(REFUSED)]


def test_an_interpreter_without_notes_is_left_alone():
    class Error:
        """As an exception of CPython 3.10."""

    error = Error()
    notes.attach(error, REFUSED)
    assert vars(error) == {}
