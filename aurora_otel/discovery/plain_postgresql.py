"""PostgreSQL with standbys, whatever switches between them, asked by SQL with a plain login.

Patroni, CloudNativePG, Crunchy's operator, repmgr, pg_auto_failover, or an administrator. There is
no list of members. The timeline rises with each promotion
(https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES), and all copies
of the same data have one system identifier. The addresses of replication's other ends are shown to
members of `pg_monitor` alone; to any other login they are NULL, without an error.
"""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.discovery.postgresql import READER, ROLES
from aurora_otel.discovery.source import (
    MOST_ROWS,
    Confirmation,
    Match,
    NoAnswerError,
    Rows,
    is_port,
)
from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Answer

# Standbys that receive the WAL: no logical replication, and none that only copies or archives it.
_STANDBYS = """pg_catalog.pg_stat_replication AS standby
    WHERE standby.application_name NOT IN
      ('pg_basebackup', 'pg_receivewal', 'barman_receive_wal', 'barman_streaming_backup')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots AS slot
      WHERE slot.active_pid = standby.pid AND slot.slot_type = 'logical')"""
# An Aurora is none of these, also where the login may not call its functions. On a socket a server
# has no address. Functions that may not be called are an error before any CASE is evaluated.
_EVIDENCE = f"""CASE
    WHEN pg_catalog.to_regprocedure('pg_catalog.aurora_version()') IS NOT NULL
      OR pg_catalog.to_regprocedure('pg_catalog.aurora_db_instance_identifier()') IS NOT NULL
      OR pg_catalog.inet_server_addr() IS NULL
      OR pg_catalog.has_function_privilege(pg_catalog.to_regprocedure(
        'pg_catalog.pg_control_system()'), 'EXECUTE') IS NOT TRUE
      OR pg_catalog.has_function_privilege(pg_catalog.to_regprocedure(
        'pg_catalog.pg_walfile_name(pg_lsn)'), 'EXECUTE') IS NOT TRUE
      OR pg_catalog.has_function_privilege(pg_catalog.to_regprocedure(
        'pg_catalog.pg_current_wal_lsn()'), 'EXECUTE') IS NOT TRUE THEN NULL
    WHEN pg_catalog.pg_is_in_recovery() THEN 'standby'
    WHEN EXISTS (SELECT FROM {_STANDBYS}) THEN 'primary'
    WHEN EXISTS (SELECT FROM pg_catalog.pg_replication_slots AS slot
      WHERE slot.slot_type = 'physical' AND slot.slot_name !~ '^barman') THEN 'primary'
    ELSE 'single' END"""  # noqa: S608 - constants only
# The timeline of the WAL that is being written; that of the last checkpoint would lag behind.
_QUESTION = f"""
SELECT me.host, me.port, me.reader, me.backend, me.timeline, me.system,
  other.host, other.port
FROM (SELECT pg_catalog.host(pg_catalog.inet_server_addr()) AS host,
    pg_catalog.inet_server_port()::pg_catalog.text AS port,
    {READER} AS reader,
    pg_catalog.pg_backend_pid()::pg_catalog.text AS backend,
    CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.substr(
      pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) END AS timeline,
    (SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()) AS system) AS me
LEFT JOIN (SELECT pg_catalog.host(standby.client_addr) AS host, NULL::pg_catalog.text AS port
    FROM {_STANDBYS} AND standby.client_addr IS NOT NULL
  UNION SELECT receiver.sender_host, receiver.sender_port::pg_catalog.text
    FROM pg_catalog.pg_stat_wal_receiver AS receiver WHERE receiver.sender_host IS NOT NULL
  ) AS other ON true
LIMIT {MOST_ROWS}
"""  # noqa: S608 - constants only
_COLUMNS = 8
_HEXADECIMAL = 16


class PlainPostgreSQL:
    """The `TopologySource` of PostgreSQL with standbys."""

    kind = "plain"
    is_of_rds = False
    evidence: Mapping[str, str] = {"standbys": _EVIDENCE}
    # Nothing keeps an old primary from accepting writes beside a new one.
    confirmation = Confirmation.ALL_REACHABLE

    def recognise(self, found: Mapping[str, str | None]) -> Match | None:
        """Go by replication: a server without any costs nothing, unless it is known as a member."""
        found_as = found["standbys"]
        if found_as not in ("primary", "standby", "single"):
            return None
        return Match(self, is_certain=found_as != "single")

    def question(self, *, view: bool) -> str:  # noqa: ARG002 - what may not be read is NULL
        """Return the statement."""
        return _QUESTION

    def parse_answer(self, rows: Rows) -> Answer:
        """Read address, role, timeline and system identifier, and where other members may be.

        Raises:
            NoAnswerError: they make no sense.
        """
        if not rows or any(len(row) != _COLUMNS for row in rows):
            raise NoAnswerError("not the columns that were asked for")
        host, port, reader, backend_id, timeline, system = rows[0][:6]
        address = _address(host, port, None)
        if address is None or not backend_id or reader not in ROLES or not system:
            raise NoAnswerError("no address, role, backend id or system identifier")
        others = (_address(row[6], row[7], address.port) for row in rows[:MOST_ROWS])
        places = dict.fromkeys(each for each in others if each and each != address)
        return Answer(
            str(address),
            ROLES[reader],
            backend_id,
            epoch=_timeline(timeline),
            lineage=system,
            places=tuple(places),
        )


def _address(host: str | None, port: str | None, default: int | None) -> Address | None:
    """Return an address that a server names; `None` where it is none, or a socket's directory."""
    if not isinstance(host, str) or not host or host[0] in "/@" or len(host) > 255:  # noqa: PLR2004 - DNS's limit
        return None
    if port is None:
        return Address(host, default) if default else None
    if not is_port(port):
        return None
    return Address(host, int(port))


def _timeline(value: str | None) -> int:
    """Return the number of a timeline; 0 on a standby, which has no claim."""
    try:
        return int(value, _HEXADECIMAL) if value else 0
    except ValueError as error:
        raise NoAnswerError("no timeline") from error
