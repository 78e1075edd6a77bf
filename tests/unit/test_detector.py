from dataclasses import dataclass, replace

import pytest
from opentelemetry.context import Context

from aurora_otel.model.detector import (
    Cause,
    Ruling,
)
from aurora_otel.model.endpoints import EndpointType
from aurora_otel.model.former_writers import LONGEST_LAG
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Role, Verdict
from aurora_otel.model.window import FirstSymptom
from tests.support.detectors import detector, verdict

WRITER, READER, UNKNOWN = Role.WRITER, Role.READER, Role.UNKNOWN


@dataclass
class Connection:
    """What the rule of staleness asks of a connection."""

    endpoint_type: EndpointType = EndpointType.WRITER
    instance: str | None = "a"
    role: Role = WRITER
    opened_at: float = 10.0
    refused: bool = False
    host: str | None = None
    refused_by_reader: bool = False

    @property
    def refused_at(self) -> float:
        """It was refused as soon as it was opened."""
        return self.opened_at if self.refused else float("inf")


def changed(*verdicts):
    """Return a detector that knew `a` and then judged these writers, at 20, 21, …."""
    made = detector()
    for began, writer in enumerate(verdicts, 20):
        made.judge(verdict(writer, float(began)))
    return made


# Staleness: the table of the design, row by row.

# Opened through: is it stale, if its instance was the writer while it was open, a write on it was
# refused, and the writer has changed since it was opened?
TABLE = {
    EndpointType.WRITER: lambda was, refused, changed: True,
    EndpointType.INSTANCE: lambda was, refused, changed: was or (refused and changed),
    EndpointType.CUSTOM: lambda was, refused, changed: was or (refused and changed),
    EndpointType.OTHER: lambda was, refused, changed: was or refused,
    EndpointType.READER: lambda was, refused, changed: False,
    EndpointType.PROXY: lambda was, refused, changed: False,
}
YES_OR_NO = (True, False)


@pytest.mark.parametrize("since", YES_OR_NO, ids=["changed", "unchanged"])
@pytest.mark.parametrize("refused", YES_OR_NO, ids=["refused", "accepted"])
@pytest.mark.parametrize("was", YES_OR_NO, ids=["writer", "reader"])
@pytest.mark.parametrize("kind", list(EndpointType))
def test_the_table_of_staleness(kind, was, refused, since):
    known = detector("c" if was else "a")
    known.judge(verdict("b", 20.0))
    opened_at = 10.0 if since else 30.0
    connection = Connection(kind, "c", WRITER if was else READER, opened_at, refused)
    stale = known.staleness(connection) is not None
    assert stale is TABLE[kind](was, refused, since)


@pytest.mark.parametrize("kind", list(EndpointType))
def test_a_connection_on_the_writer_is_never_stale(kind):
    known = changed("b")
    for role in Role:
        for refused in (True, False):
            assert known.staleness(Connection(kind, "b", role, 10, refused)) is None


@pytest.mark.parametrize("kind", list(EndpointType))
def test_a_connection_on_an_unknown_instance_is_never_judged(kind):
    assert changed("b").staleness(Connection(kind, None, UNKNOWN, 10, refused=True)) is None


@pytest.mark.parametrize("kind", list(EndpointType))
def test_nothing_is_stale_while_no_writer_is_known(kind):
    assert detector(None).staleness(Connection(kind, refused=True)) is None


@pytest.mark.parametrize("kind", [EndpointType.INSTANCE, EndpointType.CUSTOM, EndpointType.OTHER])
def test_an_instance_that_was_the_writer_for_a_while_leaves_stale_connections(kind):
    # Opened on `b` while it was a reader; then it was the writer; now `c` is.
    opened_before = Connection(kind, "b", READER, 10)
    opened_after = Connection(kind, "b", READER, 30)
    known = changed("b", "c")
    assert known.staleness(opened_before) is Cause.WRITER_CHANGED
    assert known.staleness(opened_after) is None


def test_a_refused_write_at_an_instance_endpoint_waits_for_a_change():
    # An application's own read-only transaction, or a write on a reader: nothing has changed.
    connection = Connection(EndpointType.INSTANCE, "c", READER, 10, refused=True)
    known = detector()
    known.judge(verdict("a", 20.0))
    assert known.staleness(connection) is None
    known.judge(verdict("b", 21.0))
    assert known.staleness(connection) is Cause.WRITE_REFUSED


@pytest.mark.parametrize(
    ("connection", "cause"),
    [
        (Connection(EndpointType.WRITER, role=WRITER), Cause.WRITER_CHANGED),
        (Connection(EndpointType.WRITER, role=WRITER, refused=True), Cause.WRITER_CHANGED),
        (Connection(EndpointType.WRITER, role=READER), Cause.MISROUTED),
        (Connection(EndpointType.WRITER, role=READER, refused=True), Cause.MISROUTED),
        (Connection(EndpointType.INSTANCE, role=WRITER), Cause.WRITER_CHANGED),
        (Connection(EndpointType.OTHER, "c", READER, refused=True), Cause.WRITE_REFUSED),
        (Connection(EndpointType.OTHER, "a", UNKNOWN), Cause.WRITER_CHANGED),
    ],
)
def test_the_cause_is_what_the_connection_was_opened_as(connection, cause):
    assert changed("b").staleness(connection) is cause


# Verdicts.


def test_the_first_verdict_names_the_writer_and_changes_nothing():
    known = detector(None)
    assert known.judge(verdict("a", 1.0)) == Ruling(None, None)
    assert (known.writer, known.changes) == ("a", 0)


def test_a_verdict_of_another_writer_is_one_change():
    known = detector()
    assert known.judge(verdict("b", 1.0)) == Ruling("a", None)
    assert known.judge(verdict("b", 2.0)) == Ruling(None, None)
    assert (known.writer, known.changes) == ("b", 1)


def test_a_verdict_whose_reading_began_earlier_than_an_applied_one_counts_for_nothing():
    known = changed("b")
    assert known.judge(verdict("a", 19.9)) is None
    assert (known.writer, known.changes) == ("b", 1)


def test_a_reading_that_began_before_another_instance_introduced_itself_counts_for_nothing():
    known = detector(None)
    known.introduce("b", 2.0)
    assert known.is_doubtful(verdict("a", 1.9))
    assert known.judge(verdict("a", 1.9)) is None
    assert (known.writer, known.changes) == ("b", 0)
    assert known.judge(verdict("a", 2.0)) == Ruling("b", None)


@pytest.mark.parametrize("late", [verdict("b", 1.0), Verdict("a", ("a",), 1.0, renamed="b")])
def test_a_reading_that_means_the_instance_that_introduced_itself_meanwhile_is_believed(late):
    known = detector(None)
    known.introduce("b", 2.0)
    assert not known.is_doubtful(late)
    assert known.judge(late) == Ruling(None, None)
    assert known.writer == late.writer


def test_a_confirmed_writer_is_no_longer_the_one_that_introduced_itself():
    known = detector(None)
    known.introduce("b", 2.0)
    known.judge(verdict("b", 1.0))
    assert known.judge(verdict("a", 1.5)) == Ruling("b", None)


def test_a_known_writer_is_replaced_by_a_verdict_alone():
    known = detector()
    known.introduce("b")
    for kind in Symptom:
        known.symptom(kind, 1.0)
    assert known.writer == "a"


@pytest.mark.parametrize(
    ("instance", "role", "contradicts"),
    [
        ("a", WRITER, False),
        ("a", READER, True),
        ("b", WRITER, True),
        ("b", READER, False),
        ("a", UNKNOWN, False),
        ("b", UNKNOWN, False),
    ],
)
def test_an_instance_contradicts_by_another_role_than_the_known_one(instance, role, contradicts):
    assert detector("a").contradicts(instance, role) is contradicts
    assert not detector(None).contradicts(instance, role)


# Symptoms.


def test_the_first_symptom_is_remembered_until_a_verdict_explains_it():
    known = detector()
    assert known.symptom(Symptom.CONNECTION_LOST, 1.0)
    assert not known.symptom(Symptom.READ_ONLY, 2.0)
    first = FirstSymptom(Symptom.CONNECTION_LOST, 1.0)
    assert known.judge(verdict("b", 3.0)) == Ruling("a", first)
    assert known.first_symptom is None
    assert known.symptom(Symptom.READ_ONLY, 4.0)


def test_the_same_writer_explains_only_the_symptoms_that_were_there_before_it_was_read():
    known = detector()
    known.symptom(Symptom.READ_ONLY, 5.0)
    assert known.judge(verdict("a", 4.0)) == Ruling(None, None)
    assert known.first_symptom == FirstSymptom(Symptom.READ_ONLY, 5.0)
    assert known.judge(verdict("a", 5.0)) == Ruling(None, FirstSymptom(Symptom.READ_ONLY, 5.0))
    assert known.first_symptom is None


def test_another_writer_explains_also_the_symptom_that_came_while_it_was_read():
    known = detector()
    known.symptom(Symptom.READ_ONLY, 5.0)
    assert known.judge(verdict("b", 4.0)).first_symptom == FirstSymptom(Symptom.READ_ONLY, 5.0)


# A writer by another name.


@pytest.mark.parametrize("kind", list(EndpointType))
def test_connections_to_a_renamed_writer_are_not_stale(kind):
    known = detector("a")
    ruling = known.judge(Verdict("x", ("x", "y"), 20.0, renamed="a"))
    assert (ruling.old_writer, known.writer, known.changes) == (None, "x", 0)
    assert known.staleness(Connection(kind, "a", WRITER, 10.0)) is None
    assert known.staleness(Connection(kind, "x", WRITER, 30.0)) is None


def test_what_has_the_former_name_of_the_writer_afterwards_is_another_server():
    known = detector("a")
    known.judge(Verdict("x", ("x", "a"), 20.0, renamed="a"))
    assert known.staleness(Connection(instance="a", role=READER, opened_at=30.0)) is Cause.MISROUTED


def test_after_the_next_change_connections_under_the_former_name_are_stale_too():
    known = detector("a")
    known.judge(Verdict("x", ("x", "y"), 20.0, renamed="a"))
    known.judge(Verdict("y", ("x", "y"), 40.0))
    for kind in (EndpointType.WRITER, EndpointType.INSTANCE, EndpointType.OTHER):
        for name in ("a", "x"):
            connection = Connection(kind, name, WRITER, 10.0)
            assert known.staleness(connection) is Cause.WRITER_CHANGED


def test_no_more_former_writers_are_remembered_than_a_cluster_has_instances():
    known = detector("a0")
    for number in range(1, 200):
        known.judge(verdict(f"a{number}", float(number)))
    assert len(known._former) == 64
    of_each = (
        Connection(EndpointType.INSTANCE, f"a{number}", READER, 0.5) for number in range(199)
    )
    # The latest ones.
    assert [known.staleness(each) is not None for each in of_each] == [False] * 135 + [True] * 64


def test_a_former_writer_is_deposed_until_it_answers_as_a_reader_or_is_the_writer_again():
    made = changed("b", "c")
    assert made.deposed == {"a", "b"}
    made.note_answers(["a"])
    assert made.deposed == {"b"}
    made.judge(verdict("b", 22.0))
    assert made.deposed == {"c"}


def test_a_former_writer_that_answered_that_it_is_none_is_not_deposed():
    made = detector()
    made.judge(Verdict("b", ("a", "b"), 20.0, denied=True))
    assert made.deposed == frozenset()


# Where instances restart when they become readers.

SERVICE = "service:5432"
PINNED = Connection(EndpointType.OTHER, "a", READER, 22.0, host=SERVICE)


def moved(*verdicts):
    """Return as `changed`, where the service leads to the last of these writers by now."""
    made = changed(*verdicts)
    made.note_lead(SERVICE, verdicts[-1], 21.0, is_reader=False)
    return made


def test_a_refused_write_shows_what_else_came_through_that_host_to_the_former_writer():
    made = moved("b")
    assert made.staleness(PINNED) is None
    made.note_refusal(PINNED, 25.0)
    assert made.staleness(PINNED) is Cause.WRITER_CHANGED
    assert made.staleness(PINNED, as_of=25.0) is None
    # Opened later, through another host, to another instance, or by a name that means readers.
    made.note_lead("replicas:5432", "b", 21.0, is_reader=False)
    for other in (
        replace(PINNED, opened_at=26.0),
        replace(PINNED, host="replicas:5432"),
        replace(PINNED, host=None),
        replace(PINNED, instance="c"),
        replace(PINNED, endpoint_type=EndpointType.READER),
    ):
        assert made.staleness(other) is None


def test_a_refusal_of_who_did_not_say_that_it_is_a_reader_may_be_the_transactions():
    made = detector()
    refused = Connection(EndpointType.OTHER, "c", READER, refused=True)
    assert made.staleness(refused) is Cause.WRITE_REFUSED
    made.judge(verdict("a", 20.0)._replace(unheard=frozenset("c")))
    assert made.staleness(refused) is None
    assert made.staleness(replace(refused, refused_by_reader=True)) is Cause.WRITE_REFUSED
    assert made.staleness(replace(refused, instance="b")) is Cause.WRITE_REFUSED
    made.judge(verdict("a", 21.0))
    assert made.staleness(refused) is Cause.WRITE_REFUSED


def test_a_host_through_which_writes_were_refused_has_moved_once_it_leads_to_the_writer():
    made = changed("b")
    made.note_lead(SERVICE, "a", 21.0, is_reader=True)
    # Nothing was refused through it.
    assert not made.note_lead(SERVICE, "b", 22.0, is_reader=False)
    assert not made.note_lead(SERVICE, "a", 23.0, is_reader=True)
    made.note_refusal(PINNED, 25.0)
    assert not made.note_lead(SERVICE, "a", 26.0, is_reader=True)
    assert not made.note_lead("replicas:5432", "b", 27.0, is_reader=False)
    assert made.note_lead(SERVICE, "b", 28.0, is_reader=False)
    # It did already.
    assert not made.note_lead(SERVICE, "b", 29.0, is_reader=False)


def test_a_refused_write_on_one_that_was_never_the_writer_shows_nothing_else():
    made = moved("b")
    made.note_refusal(replace(PINNED, instance="c"), 25.0)
    assert made.staleness(replace(PINNED, instance="c")) is None


def test_a_refused_write_shows_nothing_else_by_a_name_that_leads_where_it_did():
    # An instance's own name, by which others read. Or a service that has not moved yet.
    made = changed("b")
    made.note_lead(SERVICE, "a", 21.0, is_reader=True)
    made.note_refusal(PINNED, 25.0)
    assert made.staleness(PINNED) is None
    assert made.staleness(replace(PINNED, refused=True)) is Cause.WRITE_REFUSED
    made.note_lead(SERVICE, "b", 26.0, is_reader=False)
    assert made.staleness(PINNED) is Cause.WRITER_CHANGED
    made.note_lead(SERVICE, "a", 27.0, is_reader=True)
    assert made.staleness(PINNED) is None


@pytest.mark.parametrize(
    ("leads_to", "at", "is_stale"),
    [("cb", 21.0, False), ("bab", 20.0 + LONGEST_LAG, True), ("bab", 20.1 + LONGEST_LAG, False)],
    ids=["reader", "lag", "by-turns"],
)
def test_a_refused_write_shows_nothing_else_by_a_name_that_leads_to_readers_as_well(
    leads_to, at, is_stale
):
    made = changed("b")
    for instance in leads_to:
        made.note_lead(SERVICE, instance, at, is_reader=instance != "b")
    made.note_refusal(PINNED, 25.0)
    assert (made.staleness(PINNED) is not None) is is_stale
    # As well after later changes of the writer.
    made.judge(verdict("a", 130.0))
    made.judge(verdict("b", 140.0))
    made.note_refusal(PINNED, 150.0)
    made.note_lead(SERVICE, "b", 151.0, is_reader=False)
    assert (made.staleness(replace(PINNED, opened_at=145.0)) is not None) is is_stale


def test_a_name_that_leads_to_a_writer_that_is_not_known_yet_or_lags_is_none_of_readers():
    made = detector(None)
    made.note_lead(SERVICE, "c", 1.0, is_reader=True)
    made.introduce("a")
    for instance in ("a", "b", "a"):
        # The new writer claims to be one; the old one has just become a reader.
        made.note_lead(SERVICE, instance, 19.0, is_reader=instance == "a")
    made.judge(verdict("b", 20.0))
    for instance in ("a", "b"):
        made.note_lead(SERVICE, instance, 21.0, is_reader=instance == "a")
    made.note_refusal(PINNED, 25.0)
    assert made.staleness(PINNED) is Cause.WRITER_CHANGED


def test_no_more_hosts_are_remembered_than_a_cluster_has_instances():
    made = moved("b")
    for number in range(200):
        made.note_lead(f"host{number}", "c", 21.0, is_reader=True)
        made.note_refusal(replace(PINNED, host=f"host{number}"), 25.0)
    former = made._former
    assert {len(each) for each in (former._leads_to, former._shared, former._refusing)} == {64}


def test_a_former_writer_that_was_the_writer_again_meanwhile_starts_afresh():
    made = moved("b")
    made.note_refusal(PINNED, 50.0)
    made.judge(verdict("a", 30.0))
    made.judge(verdict("b", 40.0))
    assert made.staleness(replace(PINNED, opened_at=45.0)) is None


def test_a_refusal_that_came_after_the_reading_but_before_the_verdict_counts():
    made = detector()
    made.note_refusal(PINNED, 25.0)
    made.note_lead(SERVICE, "b", 21.0, is_reader=False)
    made.judge(verdict("b", 21.0))
    assert made.staleness(PINNED) is Cause.WRITER_CHANGED


def test_a_connection_that_was_opened_at_the_very_moment_is_in_doubt_and_stays():
    made = moved("b")
    made.note_refusal(PINNED, 25.0)
    for opened_at, kind, instance in (
        (20.0, EndpointType.INSTANCE, "a"),
        (20.0, EndpointType.CUSTOM, "c"),
        (25.0, EndpointType.OTHER, "a"),
    ):
        connection = replace(
            PINNED,
            endpoint_type=kind,
            instance=instance,
            opened_at=opened_at,
            refused=instance == "c",
        )
        assert made.staleness(connection) is None
        opened_before = replace(connection, opened_at=opened_at - 1)
        assert made.staleness(opened_before) is not None


def test_what_has_the_former_name_at_the_moment_of_the_renaming_is_another_server():
    made = detector()
    made.judge(Verdict("x", ("x", "b"), 20.0, renamed="a"))
    assert made.staleness(Connection(opened_at=19.0)) is None
    assert made.staleness(Connection(opened_at=20.0)) is Cause.WRITER_CHANGED


@pytest.mark.parametrize("instance", ["a", "b"])
def test_each_former_writer_is_remembered(instance):
    made = changed("b", "c")
    assert made.staleness(Connection(EndpointType.INSTANCE, instance, READER, 10.0)) is not None


# What is counted and kept.


def test_each_change_of_the_writer_is_counted():
    assert changed("b", "c", "c", "a").changes == 3


def test_a_verdict_whose_reading_began_at_the_same_moment_counts():
    made = changed("b")
    assert made.judge(verdict("c", 20.0)) == Ruling("b", None)


def test_the_highest_epoch_at_which_a_writer_was_confirmed_is_known():
    made = detector()
    assert made.epoch == 0
    for epoch, highest in ((3, 3), (2, 3), (5, 5)):
        made.judge(Verdict("b", ("a", "b"), 20.0 + epoch, epoch=epoch))
        assert made.epoch == highest


def test_no_more_deposed_writers_are_remembered_than_a_cluster_has_instances():
    made = detector("a0")
    for number in range(1, 200):
        made.judge(verdict(f"a{number}", float(number)))
    assert len(made.deposed) == 64


def test_the_first_symptom_keeps_the_context_in_which_it_was_seen():
    made, context = detector(), Context({"seen": "there"})
    made.symptom(Symptom.STUCK, 1.0, context)
    assert made.first_symptom == FirstSymptom(Symptom.STUCK, 1.0, context)


# Opened at 22 by a reader that is unknown, through a service's name.
UNNAMED = Connection(EndpointType.OTHER, None, UNKNOWN, 22.0, refused=True, refused_by_reader=True)


def reigning(*epochs):
    """Return a detector whose writer `b` was heard at 20, 30, … at these epochs."""
    made = detector()
    for number, epoch in enumerate(epochs, 2):
        made.judge(verdict("b", number * 10.0 - 1)._replace(epoch=epoch), number * 10.0)
    return made


def test_what_a_reader_refused_is_not_on_the_writer_whose_reign_it_was_opened_in():
    for made in (reigning(2), reigning(2, 2)):
        assert made.staleness(UNNAMED) is Cause.WRITE_REFUSED


@pytest.mark.parametrize(
    "differs",
    [
        {"refused_by_reader": False},
        {"opened_at": 20.0},
        {"endpoint_type": EndpointType.READER},
        {"endpoint_type": EndpointType.PROXY},
    ],
    ids=lambda differs: next(iter(differs)),
)
def test_what_is_unknown_is_not_stale_in_doubt(differs):
    assert reigning(2).staleness(replace(UNNAMED, **differs)) is None


def test_who_was_promoted_again_may_have_been_a_reader_meanwhile():
    assert reigning(2, 3).staleness(UNNAMED) is None
    assert reigning(0).staleness(UNNAMED) is None
    made = reigning(2)
    made.judge(verdict("c", 30.0)._replace(epoch=3), 31.0)
    assert made.staleness(UNNAMED) is None


def test_what_is_unknown_is_not_stale_before_the_writer_was_confirmed():
    assert detector().writer is not None
    assert detector().staleness(UNNAMED) is None


def test_what_a_reader_refused_later_does_not_count_yet():
    assert reigning(2).staleness(UNNAMED, as_of=22.0) is None
