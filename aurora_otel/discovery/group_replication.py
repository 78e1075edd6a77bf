"""MySQL's Group Replication with a single primary, asked by SQL.

The group elects its primary and agrees on its members, as long as most of them are there
(https://dev.mysql.com/doc/refman/8.4/en/performance-schema-replication-group-members-table.html).
A member that was expelled sees itself alone, and is read-only unless it was set otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from aurora_otel.discovery.mysql import OFF, server_name, texts, where_readable
from aurora_otel.discovery.source import MOST_ROWS, Confirmation, Match, NoAnswerError, Rows
from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Answer, Role, View

_QUESTION = f"""
SELECT @@global.server_uuid, CAST(@@global.read_only AS CHAR), CONNECTION_ID(),
  member.MEMBER_ID, member.MEMBER_HOST, CAST(member.MEMBER_PORT AS CHAR), member.MEMBER_STATE,
  member.MEMBER_ROLE
FROM performance_schema.replication_group_members AS member
LIMIT {MOST_ROWS}"""  # noqa: S608 - constants only
_OWN_COLUMNS = 3
_COLUMNS = 8


class GroupReplication:
    """The `TopologySource` of Group Replication with a single primary."""

    kind = "group-replication"
    is_of_rds = False
    evidence: Mapping[str, str] = {
        "group_replication_group_name": "'group_replication_group_name'",
        "group_replication_single_primary_mode": "'group_replication_single_primary_mode'",
        "group_replication_local_address": where_readable(
            "group_replication_local_address", "performance_schema", "replication_group_members"
        ),
    }
    # No two have most of the members on their side.
    confirmation = Confirmation.FIRST_CLAIM

    def recognise(self, found: Mapping[str, str | None]) -> Match | None:
        """Go by the members' table, where the login may read it."""
        is_single_primary = found["group_replication_single_primary_mode"] == "ON"
        is_readable = found["group_replication_local_address"] is not None
        if not (found["group_replication_group_name"] and is_single_primary and is_readable):
            return None
        return Match(self, view=True)

    def question(self, *, view: bool) -> str:  # noqa: ARG002 - the role is in the list
        """Return the statement."""
        return _QUESTION

    def parse_answer(self, rows: Rows) -> Answer:
        """Read which member answers, what it is, and how it sees the others.

        Raises:
            NoAnswerError: they make no sense, or the list does not have the member itself.
        """
        own_id, read_only, backend_id = texts(rows, _OWN_COLUMNS)
        members = {}
        for row in rows[:MOST_ROWS]:
            if len(row) != _COLUMNS:
                raise NoAnswerError("not the columns that were asked for")
            member_id, host, port, state, role = row[_OWN_COLUMNS:]
            if host and port and member_id:
                name = server_name(host, port)
                members[member_id] = (name, Address(host.lower(), int(port)), state, role)
        if own_id not in members:
            raise NoAnswerError("the list does not have the member that answers")
        online = {name: role for name, _, state, role in members.values() if state == "ONLINE"}
        primaries = [name for name, role in online.items() if role == "PRIMARY"]
        # Fewer may have been left behind by the others.
        is_majority = 2 * len(online) > len(members)
        writer = primaries[0] if is_majority and len(primaries) == 1 else None
        own = members[own_id][0]
        view = View(
            tuple(dict.fromkeys(name for name, *_ in members.values())),
            writer,
            addresses={name: address for name, address, *_ in members.values()},
        )
        return Answer(own, _role(own, writer, read_only), backend_id, view)


def _role(own: str, writer: str | None, read_only: str) -> Role:
    if read_only not in OFF:
        return Role.READER
    return Role.WRITER if own == writer else Role.UNKNOWN
