"""MySQL and MariaDB: the probe that any server answers, whatever kind it is."""

from __future__ import annotations

from collections.abc import Sequence

from aurora_otel.discovery.source import NoAnswerError, Probe, Rows, TopologySource, recognise


class MySQL:
    """The `System` of MySQL and MariaDB.

    A variable that does not exist is an error in a SELECT, and a row less in a SHOW.
    CONNECTION_ID() returns this very pseudo_thread_id; poolers, which answer a bare
    CONNECTION_ID() themselves, pass this on to a server.

    Args:
        sources: the kinds of clusters to recognise, the most particular first.
    """

    def __init__(self, sources: Sequence[TopologySource]) -> None:
        self._sources = tuple(sources)
        evidence = (sql for source in self._sources for sql in source.evidence.values())
        names = ", ".join((*evidence, "'pseudo_thread_id'"))
        self.probe = f"SHOW VARIABLES WHERE Variable_name IN ({names})"

    def parse_probe(self, rows: Rows) -> Probe:
        """Return the session's number, and what the first source makes of its variables.

        Args:
            rows: name and value of each variable, as `SHOW VARIABLES` answers.

        Raises:
            NoAnswerError: other columns than were asked for, or no number.
        """
        if any(len(row) != 2 or not isinstance(row[0], str) for row in rows):  # noqa: PLR2004 - name and value
            raise NoAnswerError("not the columns that were asked for")
        values = {row[0]: row[1] for row in rows}
        backend_id = values.get("pseudo_thread_id")
        if not isinstance(backend_id, str) or not backend_id:
            raise NoAnswerError("no backend id")
        found = [{name: values.get(name) for name in source.evidence} for source in self._sources]
        return Probe(backend_id, recognise(self._sources, found))
