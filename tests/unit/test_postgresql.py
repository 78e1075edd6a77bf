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
    number = "pg_catalog.pg_backend_pid()::pg_catalog.text"
    limit = "pg_catalog.current_setting('max_connections', true)"
    assert columns == [number, limit, "of_a", "of_b", "of_a"]


def test_each_source_reads_its_own_columns():
    SYSTEM.parse_probe([("12", "5000", "1", None, "2")])
    assert FIRST.found == {"a": "1", "b": None}
    assert SECOND.found == {"a": "2"}


@pytest.mark.parametrize(
    ("row", "match"),
    [
        (("12", "5000", "no", "yes", "no"), Match(FIRST)),
        (("12", "5000", "no", "no", "yes"), Match(SECOND)),
        (("12", "5000", "yes", "no", "yes"), Match(FIRST)),
        (("12", "5000", None, None, None), None),
    ],
)
def test_the_first_source_that_recognises_a_server_counts(row, match):
    assert SYSTEM.parse_probe([row]) == Probe("12", match, 5000)


@pytest.mark.parametrize("rows", [[], [("12",)], [("12", "1", "2")], [("12",) * 5] * 2])
def test_other_columns_than_those_of_all_sources_are_no_answer(rows):
    with pytest.raises(NoAnswerError):
        SYSTEM.parse_probe(rows)


def test_without_a_source_every_server_is_plain():
    assert PostgreSQL([]).parse_probe([("12", "300")]) == Probe("12", None, 300)


@pytest.mark.parametrize("limit", [None, "", "0", "-1", "5e3", "1_0", "0x9", "٣", "1" * 8, 5, b"5"])
def test_a_limit_of_connections_that_makes_no_sense_is_not_known(limit):
    assert PostgreSQL([]).parse_probe([("12", limit)]) == Probe("12")
