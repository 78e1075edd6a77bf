"""What was learnt of the server behind each `host:port`, and when it may be asked again."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from aurora_otel.discovery.identify import Kind, Server
from aurora_otel.model import single_names
from aurora_otel.model.endpoints import Address

# A plain server or a pooler is taken for one for so many seconds. A name may lead to an Aurora
# later: after a migration by CNAME, or once a pooler was taken out. One round trip in five minutes
# is the price of noticing.
EXPIRY = 300.0
# A server that does not answer in time is left alone for so many seconds, then for twice as long
# each time, up to the longest. The first is short: one slow answer says little, and each connection
# that is opened meanwhile has an unknown instance.
FIRST_REST = 1.0
LONGEST_REST = 60.0
# So many servers are remembered. What is forgotten is asked again.
MOST_SERVERS = 1024

_FIRST = "first"


@dataclass(slots=True, eq=False)
class Question:
    """One connection's question to a server.

    Attributes:
        began: when it was asked, in seconds of the monotonic clock.
        is_over: whether the connection no longer waits for the answer. It is set by the thread that
            asks, with no call that a signal could part from what comes before.
    """

    began: float
    is_over: bool = False


@dataclass(slots=True)
class _Record:
    server: Server | None = None
    doubted_at: float = float("-inf")
    rest: float = 0.0
    rests_until: float = float("-inf")
    # The question that waits for longest, under one key: `setdefault` is its claim.
    questions: dict[str, Question] = field(default_factory=dict)


class Servers:
    """What is known of each server that this process has met.

    Read and written from hooks, without a lock: each step is one atomic operation.

    Attributes:
        members: where the settings say that members of clusters are; a port of 0 means any.
        singles: the hosts behind which they say that one server at a time is, likewise.
    """

    def __init__(self) -> None:
        self.members: frozenset[Address] = frozenset()
        self.singles: frozenset[Address] = frozenset()
        self._records: dict[Address, _Record] = {}
        self._expected: dict[Address, None] = {}

    def get(self, address: Address, now: float) -> Server | None:
        """Return what is known of the server at `address`, if anything is.

        Args:
            address: of the server.
            now: seconds of the monotonic clock.
        """
        record = self._records.get(address)
        known = record.server if record else None
        return known if known is not None and now < known.until else None

    def learn(self, address: Address, server: Server, now: float) -> None:
        """Remember what a server is; what is known as a pooler stays one until that expires.

        Args:
            address: of the server.
            server: what it is.
            now: seconds of the monotonic clock.
        """
        known = self.get(address, now)
        if known is not None and known.kind is Kind.POOLER:
            return
        if not server.can_answer and math.isinf(server.until):
            server = server._replace(until=now + EXPIRY)
        self._record(address).server = server

    def expect(self, addresses: Iterable[Address]) -> None:
        """Take note that members of clusters are at `addresses`, whatever they show themselves."""
        for address in addresses:
            if address not in self._expected and len(self._expected) < MOST_SERVERS:
                self._expected[address] = None
                record = self._records.get(address)
                if record and record.server and record.server.kind is Kind.PLAIN:
                    record.server = None

    def is_member(self, address: Address) -> bool:
        """Return whether a member of a cluster is known to be at `address`."""
        return self.is_expected(address) or _lists(self.members, address)

    def is_expected(self, address: Address) -> bool:
        """Return whether a member was met at `address`, or a login names it beside others."""
        return address in self._expected

    def is_single(self, address: Address) -> bool:
        """Return whether one server at a time is behind a name: by the settings, or by itself.

        What is known as one of several members is not alone.
        """
        is_named = single_names.is_single(*address) or _lists(self.singles, address)
        return is_named and not self.is_member(address)

    def doubt(self, address: Address, now: float) -> None:
        """Have a plain server be asked again: it refused a write, as a reader does.

        Once in `EXPIRY`: most of the time, it is the application's own read-only transaction.

        Args:
            address: of the server.
            now: seconds of the monotonic clock.
        """
        known, record = self.get(address, now), self._records.get(address)
        if record is None or known is None or known.kind is not Kind.PLAIN:
            return
        if now >= record.doubted_at + EXPIRY:
            record.doubted_at, record.server = now, None

    def may_ask(self, address: Address, now: float, *, is_kept: bool = False) -> bool:
        """Return whether a connection that the application uses may be asked to some use.

        Where the server was slow the last time, a question that gets no answer may cost that
        connection. There a new connection is asked first, or one of the agent's own, whose answer
        in time lets the others ask.

        Args:
            address: of the server.
            now: seconds of the monotonic clock.
            is_kept: whether the connection stays usable if no answer comes.
        """
        record = self._records.get(address)
        if record is None:
            return True
        known = self.get(address, now)
        is_due = not record.rest or (is_kept and now >= record.rests_until)
        return is_due and (known is None or known.can_answer)

    def awaits_answer(self, address: Address, now: float) -> bool:
        """Return whether a slow server has been left alone for long enough to be asked again.

        See `may_ask`: connections that the application uses wait until it has answered another one.

        Args:
            address: of the server.
            now: seconds of the monotonic clock.
        """
        record = self._records.get(address)
        return record is not None and record.rest > 0 and now >= record.rests_until

    def admits(self, address: Address, question: Question, patience: float) -> bool:
        """Return whether a server may be asked a new question, or is left alone now.

        Args:
            address: of the server.
            question: the question.
            patience: once another connection's question has been unanswered for so many seconds,
                the server is left alone.
        """
        record = self._record(address)
        if question.began < record.rests_until:
            return False
        first = record.questions.setdefault(_FIRST, question)
        if first.is_over:
            first = record.questions[_FIRST] = question
        if first is question:
            return True
        # One that was slow the last time is asked by one connection at a time.
        return not record.rest and question.began - first.began <= patience

    def answered(self, address: Address) -> None:
        """Take note that the server at `address` answered in time."""
        if record := self._records.get(address):
            record.rest = 0.0

    def back_off(self, address: Address, now: float) -> None:
        """Leave a server alone that did not answer in time: longer each time."""
        record = self._record(address)
        if now < record.rests_until:
            # Several connections waited in vain at once.
            return
        record.rest = min(2 * record.rest or FIRST_REST, LONGEST_REST)
        record.rests_until = now + record.rest

    def _record(self, address: Address) -> _Record:
        record = self._records.get(address)
        if record is None:
            record = self._records.setdefault(address, _Record())
            if len(self._records) > MOST_SERVERS:
                # Another thread may have changed it meanwhile, and made room.
                with contextlib.suppress(RuntimeError):
                    self._records.pop(next(iter(self._records)), None)
        return record


def _lists(listed: frozenset[Address], address: Address) -> bool:
    return address in listed or Address(address.host, 0) in listed
