"""MySQL and MariaDB with replicas, whatever switches between them, asked by SQL with a plain login.

Orchestrator, mariadb-operator, MHA, or an administrator. A switch sets `read_only`, on the old
writer before the new one accepts writes; sessions stay, and their next write, or even their COMMIT,
is refused (https://mariadb.com/docs/server/ha-and-performance/standard-replication/read-only).
There is no number that rises with a promotion, and no list of members that a plain login may read.
"""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.discovery.mysql import OFF, server_name, texts
from aurora_otel.discovery.source import Confirmation, Match, Rows
from aurora_otel.model.topology import Answer, Role

# Asked for where a MariaDB has replicas, which its status shows to any login: one more variable
# that every server has. Other servers take the expression for a comment, as MySQL's would be an
# error: it has no such table.
_REPLICAS = """'-' /*M! , IF((SELECT status.VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
    AS status WHERE status.VARIABLE_NAME = 'Slaves_connected') > 0, 'slave_net_timeout', '-') */"""
_SEMISYNC = ("rpl_semi_sync_master_enabled", "rpl_semi_sync_source_enabled")
_VARIABLES = (
    "group_replication_group_name",
    "group_replication_single_primary_mode",
    "read_only",
    "wsrep_on",
    *_SEMISYNC,
)
_QUESTION = """
SELECT COALESCE(NULLIF(@@global.report_host, ''), @@global.hostname), @@global.port,
  CAST(@@global.read_only AS CHAR), CONNECTION_ID()"""
_COLUMNS = 4


class PlainMySQL:
    """The `TopologySource` of MySQL and MariaDB with replicas."""

    kind = "plain"
    is_of_rds = False
    evidence: Mapping[str, str] = {
        **{name: f"'{name}'" for name in _VARIABLES},
        "slave_net_timeout": _REPLICAS,
    }
    # Nothing keeps an old writer from accepting writes beside a new one.
    confirmation = Confirmation.ALL_REACHABLE

    def recognise(self, found: Mapping[str, str | None]) -> Match | None:
        """Go by replication: a server without any costs nothing, unless it is known as a member.

        Where any member may accept writes, there is no writer: in a Galera cluster, and in a group
        without a single primary.
        """
        is_group = bool(found["group_replication_group_name"])
        is_multi_primary = is_group and found["group_replication_single_primary_mode"] == "OFF"
        if found["wsrep_on"] == "ON" or is_multi_primary or found["read_only"] is None:
            return None
        has_replicas = found["slave_net_timeout"] is not None or "ON" in map(found.get, _SEMISYNC)
        is_replica = found["read_only"] not in OFF
        return Match(self, is_certain=has_replicas or is_replica)

    def question(self, *, view: bool) -> str:  # noqa: ARG002 - there is none
        """Return the statement."""
        return _QUESTION

    def parse_answer(self, rows: Rows) -> Answer:
        """Read what the server is called, and its role.

        Raises:
            NoAnswerError: they make no sense.
        """
        host, port, read_only, backend_id = texts(rows, _COLUMNS)
        role = Role.WRITER if read_only in OFF else Role.READER
        return Answer(server_name(host, port), role, backend_id)
