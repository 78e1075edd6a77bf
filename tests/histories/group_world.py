"""A fake MySQL group with a single primary, in which each member answers truthfully."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.histories.plain_machine import MySQLHistories
from tests.histories.plain_world import Database, Member, PlainWorld
from tests.histories.servers import PORT, Session

if TYPE_CHECKING:
    from aurora_otel.drivers.protocol import Rows


class GroupWorld(PlainWorld):
    """Groups: those that answer are with the member that is asked, unless that is left alone.

    Attributes:
        alone: the members that reach none of the others.
    """

    def __init__(self, *arguments, **how) -> None:
        super().__init__(*arguments, **how)
        self.alone: set[Member] = set()

    def writers(self, database: Database) -> list[Member]:
        """Return the primary: one that was expelled has no right to be it."""
        return [each for each in database.primaries if each not in self.alone]

    def _probe(self, member: Member, session: Session) -> Rows:
        return [
            ("pseudo_thread_id", session.number),
            ("read_only", "OFF" if member.accepts_writes else "ON"),
            ("group_replication_group_name", member.database.name),
            ("group_replication_single_primary_mode", "ON"),
            ("group_replication_local_address", member.name),
        ]

    def _ask(self, member: Member, session: Session) -> Rows:
        me = (member.name, "0" if member.accepts_writes else "1", session.number)
        return [
            (*me, each.name, f"{each.name}.pods", str(PORT), *self._seen(member, each))
            for each in member.database.members
        ]

    def _seen(self, member: Member, other: Member) -> tuple[str, str]:
        """Return the state and the role of a member, as one of them sees it."""
        are_apart = member is not other and not {member, other}.isdisjoint(self.alone)
        is_there = other.answers and not are_apart
        state = "ONLINE" if is_there else "UNREACHABLE"
        return state, "PRIMARY" if other.accepts_writes and is_there else "SECONDARY"


class GroupHistories(MySQLHistories):
    """MySQL's Group Replication: for single histories."""

    new_world = GroupWorld
