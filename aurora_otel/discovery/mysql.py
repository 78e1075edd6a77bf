"""MySQL and MariaDB: the probe that any server answers, whatever kind it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aurora_otel.discovery.source import (
    NoAnswerError,
    Probe,
    Rows,
    TopologySource,
    is_port,
    limit_of,
    recognise,
)

# What a variable says that is off: in a SELECT, and in a SHOW.
OFF = frozenset({"0", "OFF"})
_HOST = re.compile(r"[a-z0-9_.:-]{1,255}")


def texts(rows: Rows, count: int) -> list[str]:
    """Return the first `count` columns of the first row, all of them texts.

    Raises:
        NoAnswerError: there are others.
    """
    first = list(rows[0][:count]) if rows else []
    found = [each for each in first if isinstance(each, str) and each]
    if len(found) != count:
        raise NoAnswerError("not the columns that were asked for")
    return found


def where_readable(variable: str, schema: str, table: str) -> str:
    """Return evidence that asks for a variable where the session may read a table.

    Args:
        variable: one that every server of the kind has.
        schema: of the table.
        table: which `information_schema` shows only to those who may read it.
    """
    return f"""IF((SELECT COUNT(*) FROM information_schema.tables AS seen
    WHERE seen.TABLE_SCHEMA = '{schema}' AND seen.TABLE_NAME = '{table}') > 0,
    '{variable}', '-')"""  # noqa: S608 - constants only


def server_name(host: str, port: str) -> str:
    """Return what a server is called that has no identifier: `host:port`.

    Raises:
        NoAnswerError: that is no host, or no port.
    """
    host = host.lower()
    if not (is_port(port) and _HOST.fullmatch(host)):
        raise NoAnswerError("no host, or no port")
    return f"{host}:{int(port)}"


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
        names = ", ".join((*evidence, "'max_connections'", "'pseudo_thread_id'"))
        self.probe = f"SHOW VARIABLES WHERE Variable_name IN ({names})"

    def parse_probe(self, rows: Rows, *, is_single: bool = False) -> Probe:
        """Return the server's own answers, and what the first source makes of its variables.

        Args:
            rows: name and value of each variable, as `SHOW VARIABLES` answers.
            is_single: see `source.recognise`.

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
        match = recognise(self._sources, found, is_single=is_single)
        return Probe(backend_id, match, limit_of(values.get("max_connections")))
