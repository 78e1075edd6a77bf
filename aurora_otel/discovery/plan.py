"""Whom a refresh asks next, and what the answers amount to.

Pure: answers and failures in, targets and a verdict out. A view names a writer at most; an instance
claims to be the writer at most. A claim against the known writer is a verdict only once the known
writer was asked, and denied it or could not be reached. If both claim, the known writer stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum

from aurora_otel.discovery.targets import Beforehand, Failed, Target
from aurora_otel.model.endpoints import Address
from aurora_otel.model.peers import Peers
from aurora_otel.model.topology import Answer, Reading, Source, Verdict

# So many names are followed in one refresh: a server that names another one each time it is asked
# would never be done with.
MOST_NAMES = 16


class Known(Enum):
    """What a refresh has found out about the known writer."""

    NOT_HEARD = "not heard"
    CONFIRMED = "confirmed"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"  # it is there, and does not take the agent's login


class Plan:
    """The course of one refresh; used by one thread.

    Args:
        targets: whom to ask, the most promising first.
        locate: returns where an instance is reached, if that is known.
        beforehand: what is known.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        locate: Callable[[str], Address | None],
        beforehand: Beforehand,
    ) -> None:
        self._before = beforehand
        self._locate = locate
        self._kept = beforehand.kept
        self._waiting = deque(targets)
        if self._kept not in (None, beforehand.suspect):
            # An open connection answers in one round trip.
            self._waiting.appendleft(Target(self._kept, None))
        self._postponed: deque[Target] = deque()
        self._asked: set[str] = set()
        self._under_way = 0
        self._to_follow = MOST_NAMES
        self._is_closing = False
        self._instances: dict[str, None] = {}
        self._listed_by: dict[str, tuple[str, ...]] = {}
        self._named: str | None = None
        self._readers_named: set[str] = set()
        self._claims: dict[str, None] = {}
        self._known = Known.NOT_HEARD
        self._renamed_to: str | None = None
        self._error: str | None = None
        self._login_refused = False
        self.reached = False
        self._peers = Peers()
        self._hosts: set[Address | None] = set()
        if beforehand.heard is not None:
            self._under_way = 1
            self.answered(Target(None, None), beforehand.heard, beforehand.heard_at)

    # Whom to ask.

    def next(self) -> Target | None:
        """Return whom to ask now; `None`: no target, until something under way has ended."""
        while not self.is_settled:
            target = self._pick()
            if target is None:
                return None
            if target.instance is None or target.instance not in self._asked:
                return self._issue(target)
        return None

    def _issue(self, target: Target) -> Target:
        if target.instance is not None:
            self._asked.add(target.instance)
            if target.instance == self._kept:
                target, self._kept = Target(target.instance, None), None
        self._under_way += 1
        return target

    def _pick(self) -> Target | None:
        known = self._before.writer
        if self.awaits_known_writer and known in self._asked:
            return None
        while self._waiting:
            target = self._waiting.popleft()
            name = target.name
            if name in self._before.awaited:
                was_silent = name in self._before.silent
                why = Failed.SILENT if was_silent else Failed.UNHEARD
                self._failed(target, why, TimeoutError.__qualname__)
                continue
            if self.awaits_known_writer and target.instance == known:
                return target
            if self._is_closing:
                continue
            if name not in self._before.silent:
                return target
            self._postponed.append(target)
        # What was silent lately is asked again when there is nothing else to go by.
        if self._postponed and not (self.reached or self._under_way or self._is_closing):
            return self._postponed.popleft()
        return None

    @property
    def kept(self) -> str | None:
        """The instance at the other end of the open connection, until that has been asked."""
        return self._kept

    def ask_kept(self) -> Target | None:
        """Return the open connection as a target, if it was not asked yet."""
        if self._kept is None or self._kept in self._asked or self.is_settled:
            return None
        return self._issue(Target(self._kept, None))

    def drop_kept(self) -> None:
        """Take note that the open connection is no longer there."""
        self._kept = None

    def close(self) -> None:
        """Ask no other target but, if a claim stands against it, the known writer."""
        self._is_closing = True

    # What came of it.

    def answered(
        self, target: Target, answer: Answer, peer: Address | None = None, *, is_own: bool = False
    ) -> bool:
        """Take note of an answer; return whether the connection that it came by is of use.

        Args:
            target: the target.
            answer: what it said.
            peer: the network address that the answer came from.
            is_own: whether the open connection that was asked had been opened to the instance by
                its own name.
        """
        self._under_way -= 1
        if target.address or not target.instance:
            self._hosts.add(target.address)
        self._peers.note(answer.instance, peer, is_own=target.is_own or is_own)
        if target.is_own and target.instance != answer.instance:
            if target.instance != self._before.writer or not self._took_its_place(answer):
                self._failed(target, Failed.BROKEN, "NoAnswerError")
                return False
            self._renamed_to = answer.instance
        self.reached = True
        self._asked.add(answer.instance)
        if answer.view is not None:
            self._listed_by[answer.instance] = answer.view.instances
            self._instances.update(dict.fromkeys(answer.view.instances))
        self._instances.setdefault(answer.instance)
        known = self._before.writer
        if known is not None and target == Target(known, None) and answer.instance != known:
            # The session is the same: the server that was known has another name now.
            if answer.is_writer:
                self._renamed_to = answer.instance
            else:
                self._known = Known.DENIED
        if answer.instance in (known, self._renamed_to):
            self._known = Known.CONFIRMED if answer.is_writer else Known.DENIED
        elif answer.is_writer:
            self._claims.setdefault(answer.instance)
            self._ask_known()
        if not answer.is_writer:
            self._follow(answer.view.writer if answer.view else None)
        return True

    def failed(self, target: Target, why: Failed, error: str) -> None:
        """Take note that a target gave no answer.

        Args:
            target: the target.
            why: the kind of failure.
            error: the type of the error.
        """
        self._under_way -= 1
        self._failed(target, why, error)

    def _failed(self, target: Target, why: Failed, error: str) -> None:
        self._error = error
        self._login_refused = self._login_refused or why is Failed.REFUSED
        instance, known = target.instance, self._before.writer
        if instance is None or why is Failed.UNHEARD:
            return
        if target.address is None and why is not Failed.SILENT:
            # The connection was broken: that says nothing of the instance.
            self._asked.discard(instance)
            if (where := self._locate(instance)) is not None:
                self._waiting.append(Target(instance, where))
            self._ask_known()
        elif instance == known and self._known is Known.NOT_HEARD:
            self._known = Known.REFUSED if why is Failed.REFUSED else Known.UNREACHABLE

    def _took_its_place(self, answer: Answer) -> bool:
        """Return whether a writer at the known writer's own address is that server, renamed.

        One that was a member beside it, or lists it beside itself, is another server.
        """
        listed = answer.view.instances if answer.view else (str(self._before.writer),)
        return (
            answer.is_writer
            and answer.instance not in self._before.members
            and self._before.writer not in listed
        )

    def _follow(self, named: str | None) -> None:
        if named is None:
            return
        self._named = named
        self._readers_named.add(named)
        if named in self._asked or self._to_follow <= 0:
            return
        where = self._locate(named)
        if where is not None or named == self._kept:
            self._to_follow -= 1
            self._waiting.appendleft(Target(named, where))

    @property
    def _is_claimed_against(self) -> bool:
        return bool(self._claims) and self._known is Known.NOT_HEARD

    def _ask_known(self) -> None:
        """See to it that the known writer is asked, if a claim stands against it."""
        known = self._before.writer
        if known is None or not self._is_claimed_against or known in self._asked:
            return
        where = self._locate(known)
        if where is None and known != self._kept:
            self._known = Known.UNREACHABLE
        else:
            self._waiting.appendleft(Target(known, where))

    # What it amounts to.

    @property
    def is_settled(self) -> bool:
        """Whether there is a verdict, and nothing that is still to be asked can change it."""
        if self._before.hear_all and not self._is_closing:
            return self._under_way == 0 and not self._waiting and self._writer is not None
        return self._writer is not None

    @property
    def awaits_known_writer(self) -> bool:
        """Whether a claim waits for what the known writer says."""
        return self._before.writer is not None and self._is_claimed_against

    @property
    def _writer(self) -> str | None:
        """The confirmed writer."""
        known = self._before.writer
        claims = [claimant for claimant in self._claims if claimant != self._renamed_to]
        is_confirmed = self._known is Known.CONFIRMED
        if self._before.hear_all and len(claims) + is_confirmed > 1:
            return None
        if is_confirmed:
            return self._renamed_to or known
        if not claims or (known is not None and not self._may_follow_known(len(claims))):
            return None
        return claims[0]

    def _may_follow_known(self, claims: int) -> bool:
        """Return whether a claim may stand against the known writer."""
        if self._known is Known.REFUSED and not self._is_given_up_by_readers:
            return False
        return self._known is not Known.NOT_HEARD and claims == 1

    @property
    def _is_given_up_by_readers(self) -> bool:
        """Whether no reader names the known writer, as far as they can be heard."""
        if self._readers_named:
            return self._before.writer not in self._readers_named
        return self._is_closing or not (self._waiting or self._under_way)

    @property
    def reading(self) -> Reading:
        """What the refresh brought so far."""
        writer, named = self._writer, self._writer or self._named
        # A cluster is what its writer lists.
        instances = self._listed_by.get(writer or "") or tuple(self._instances)
        contested = tuple(claimant for claimant in self._claims if claimant != writer)
        verdict = None
        if writer is not None:
            renamed = self._before.writer if writer == self._renamed_to else None
            denied = self._known is Known.DENIED
            verdict = Verdict(writer, instances, self._before.began, renamed, denied)
        return Reading(
            Source.SQL,
            self._before.began,
            named,
            instances,
            verdict,
            error=None if verdict else self._error,
            login_refused=self._login_refused and not self.reached,
            contested=contested,
            peers=self._peers.found,
            hosts=frozenset(self._hosts),
        )
