"""PostgreSQL: the probe that any server answers, whatever kind it is."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_otel.discovery.source import NoAnswerError, Probe, Rows, TopologySource, recognise


class PostgreSQL:
    """The `System` of PostgreSQL.

    Args:
        sources: the kinds of clusters to look for, the most particular first.
    """

    def __init__(self, sources: Sequence[TopologySource]) -> None:
        self._sources = tuple(sources)
        evidence = (sql for source in self._sources for sql in source.evidence.values())
        self.probe = "SELECT " + ",\n  ".join(
            ("pg_catalog.pg_backend_pid()::pg_catalog.text", *evidence)
        )

    def parse_probe(self, rows: Rows) -> Probe:
        """Return the backend id, and what the first source makes of its columns."""
        columns = 1 + sum(len(source.evidence) for source in self._sources)
        if len(rows) != 1 or len(rows[0]) != columns:
            raise NoAnswerError("not the columns that were asked for")
        backend_id, *values = rows[0]
        left = iter(values)
        found = [{name: next(left) for name in source.evidence} for source in self._sources]
        return Probe(backend_id or "", recognise(self._sources, found))
