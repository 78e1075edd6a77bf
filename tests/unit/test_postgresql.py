"""Several sources share one probe."""

import pytest

from aurora_otel.discovery.postgresql import PostgreSQL
from aurora_otel.discovery.source import Confirmation, Match, NoAnswerError, Probe


class Kind:
    """A source that recognises a server by the value `yes`."""

    confirmation = Confirmation.FIRST_CLAIM

    def __init__(self, *names):
        self.evidence = {name: f"of_{name}" for name in names}
        self.found = None

    def recognise(self, found):
        self.found = found
        return Match(self) if "yes" in found.values() else None


FIRST, SECOND = Kind("a", "b"), Kind("a")
SYSTEM = PostgreSQL([FIRST, SECOND])


def test_the_probe_has_the_parts_of_all_sources_in_one_statement():
    columns = SYSTEM.probe.removeprefix("SELECT ").split(",\n  ")
    assert columns == ["pg_catalog.pg_backend_pid()::pg_catalog.text", "of_a", "of_b", "of_a"]


def test_each_source_reads_its_own_columns():
    SYSTEM.parse_probe([("12", "1", None, "2")])
    assert FIRST.found == {"a": "1", "b": None}
    assert SECOND.found == {"a": "2"}


@pytest.mark.parametrize(
    ("row", "match"),
    [
        (("12", "no", "yes", "no"), Match(FIRST)),
        (("12", "no", "no", "yes"), Match(SECOND)),
        (("12", "yes", "no", "yes"), Match(FIRST)),
        (("12", None, None, None), None),
    ],
)
def test_the_first_source_that_recognises_a_server_counts(row, match):
    assert SYSTEM.parse_probe([row]) == Probe("12", match)


@pytest.mark.parametrize("rows", [[], [("12",)], [("12", "1", "2")], [("12",) * 4] * 2])
def test_other_columns_than_those_of_all_sources_are_no_answer(rows):
    with pytest.raises(NoAnswerError):
        SYSTEM.parse_probe(rows)


def test_without_a_source_every_server_is_plain():
    assert PostgreSQL([]).parse_probe([("12",)]) == Probe("12")
