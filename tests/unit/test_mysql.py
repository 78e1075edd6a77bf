"""Several sources share one probe."""

import pytest

from aurora_otel.discovery.mysql import MySQL
from aurora_otel.discovery.source import Confirmation, Match, Probe


class Kind:
    """A source that recognises a server by a variable."""

    confirmation = Confirmation.FIRST_CLAIM

    def __init__(self, name, expression=None):
        self.name = name
        self.evidence = {name: expression or f"'{name}'"}

    def recognise(self, found):
        return Match(self) if found[self.name] is not None else None


GUARDED = "IF((SELECT COUNT(*) FROM information_schema.tables) > 0, 'report_host', '-')"
FIRST, SECOND = Kind("aurora_server_id"), Kind("report_host", GUARDED)
SYSTEM = MySQL([FIRST, SECOND])


def test_the_probe_has_the_parts_of_all_sources_in_one_statement():
    names = f"'aurora_server_id', {GUARDED}, 'max_connections', 'pseudo_thread_id'"
    assert SYSTEM.probe == f"SHOW VARIABLES WHERE Variable_name IN ({names})"


@pytest.mark.parametrize(
    ("variables", "match"),
    [
        ({"aurora_server_id": "x"}, Match(FIRST)),
        ({"report_host": "x"}, Match(SECOND)),
        ({"report_host": "x", "aurora_server_id": "y"}, Match(FIRST)),
        ({}, None),
    ],
)
def test_the_first_source_that_recognises_a_server_counts(variables, match):
    rows = [*variables.items(), ("pseudo_thread_id", "7")]
    assert SYSTEM.parse_probe(rows) == Probe("7", match)


@pytest.mark.parametrize(
    ("said", "limit"), [("151", 151), ("0", None), ("none", None), (151, None)]
)
def test_a_server_says_how_many_connections_it_allows(said, limit):
    rows = [("max_connections", said), ("pseudo_thread_id", "7")]
    assert SYSTEM.parse_probe(rows) == Probe("7", None, limit)
