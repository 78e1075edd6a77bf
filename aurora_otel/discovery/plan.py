"""Whom a refresh asks next.

Pure: answers and failures in, targets out, and a verdict by what the answers amount to
(`discovery/claims.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from aurora_otel.discovery.claims import Claims, Known
from aurora_otel.discovery.targets import Beforehand, Failed, Target
from aurora_otel.model.endpoints import Address
from aurora_otel.model.peers import Peers, own_address
from aurora_otel.model.topology import Answer, Reading, Source

# So many names are followed in one refresh: a server that names another one each time it is asked
# would never be done with.
MOST_NAMES = 16
# What a known writer is found to be that gave no answer.
_KNOWN = {Failed.REFUSED: Known.REFUSED, Failed.SILENT: Known.SILENT}


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
        self._missed = False
        self._is_put_off = False
        self._is_urgent = False
        self._claims = Claims(beforehand)
        self._error: str | None = None
        self._login_refused = False
        self.reached = False
        self._peers = Peers()
        self._hosts: dict[Address | None, str] = {}
        self._direct_hosts: set[Address | None] = set()
        self._places: dict[Address, None] = {}
        self._direct: dict[str, Address] = {}
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
            if target.instance == self._before.writer and self.awaits_known_writer:
                self._is_urgent = True
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
                self._missed = True
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
        if not target.is_open:
            self._hosts[target.address] = answer.instance
        if target.address is None and not is_own:
            self._claims.note_by_name(answer.instance)
        # Where its address is its name, whatever led there led to itself.
        is_own = is_own or target.is_own or self._before.goes_by_address
        self._peers.note(answer.instance, peer, is_own=is_own)
        is_another = target.is_own and target.instance != answer.instance
        if is_another and not self._claims.is_renamed_writer(target, answer):
            self._failed(target, Failed.BROKEN, "NoAnswerError")
            return False
        if self._before.is_another_lineage(answer):
            self._failed(target, Failed.BROKEN, "NoAnswerError")
            return False
        self.reached = True
        self._places.update(dict.fromkeys(answer.places))
        if (direct := own_address(answer.instance, peer)) is not None:
            self._direct[answer.instance] = direct
            if not target.is_open:
                self._direct_hosts.add(target.address)
        self._asked.add(answer.instance)
        self._claims.note(target, answer)
        if answer.is_writer:
            self._ask_known()
        elif answer.view and answer.view.writer:
            self._follow(answer.view.writer)
        return True

    def failed(self, target: Target, why: Failed, error: str) -> None:
        """Take note that a target gave no answer.

        Args:
            target: the target.
            why: the kind of failure.
            error: the type of the error.
        """
        self._under_way -= 1
        self._claims.note_failure(target, why)
        self._failed(target, why, error)

    def _failed(self, target: Target, why: Failed, error: str) -> None:
        self._error = error
        self._login_refused = self._login_refused or why is Failed.REFUSED
        instance, known = target.instance, self._before.writer
        self._missed = self._missed or why is Failed.UNHEARD
        if why is Failed.POSTPONED:
            # It was not asked. The known writer still is, once a claim stands against it.
            self._is_put_off = True
            if instance != known or not self._is_urgent:
                self._asked.discard(instance or "")
                self._ask_known()
            return
        if instance is None or why is Failed.UNHEARD:
            return
        if target.address is None and why is not Failed.SILENT:
            # The connection was broken: that says nothing of the instance.
            self._asked.discard(instance)
            if (where := self._locate(instance)) is not None:
                self._waiting.append(Target(instance, where))
            self._ask_known()
        elif instance == known and self._claims.known is Known.NOT_HEARD:
            self._claims.known = _KNOWN.get(why, Known.UNREACHABLE)

    def _follow(self, named: str) -> None:
        if named in self._asked or self._to_follow <= 0:
            return
        where = self._locate(named)
        if where is not None or named == self._kept:
            self._to_follow -= 1
            self._waiting.appendleft(Target(named, where))

    def _ask_known(self) -> None:
        """See to it that the known writer is asked, if a claim stands against it."""
        known = self._before.writer
        if known is None or not self.awaits_known_writer or known in self._asked:
            return
        where = self._locate(known)
        if where is None and known != self._kept:
            self._claims.known = Known.UNREACHABLE
        else:
            self._waiting.appendleft(Target(known, where))

    # What it amounts to.

    @property
    def is_settled(self) -> bool:
        """Whether there is a verdict, and nothing that is still to be asked can change it."""
        return self._writer is not None

    @property
    def is_cut_short(self) -> bool:
        """Whether time was too short for some that are to be heard, where all have to be."""
        are_left = bool(self._waiting) or self._under_way > 0
        return self._before.hear_all and (self._missed or are_left)

    @property
    def awaits_known_writer(self) -> bool:
        """Whether a claim waits for what the known writer says."""
        return self._claims.awaits_known_writer

    @property
    def _writer(self) -> str | None:
        """The confirmed writer."""
        if self.is_cut_short or (self._is_put_off and self._before.hear_all):
            return None
        is_over = self._is_closing or not (self._waiting or self._under_way)
        return self._claims.writer(is_over=is_over)

    @property
    def reading(self) -> Reading:
        """What the refresh brought so far."""
        writer, claims = self._writer, self._claims
        return Reading(
            Source.SQL,
            self._before.began,
            writer or claims.named,
            claims.instances(writer),
            claims.verdict(writer),
            error=None if writer else self._error,
            login_refused=self._login_refused and not self.reached,
            contested=claims.contested(writer),
            claims=claims.epochs,
            places=tuple(self._places),
            direct=self._direct,
            peers=self._peers.found,
            hosts=self._hosts,
            direct_hosts=frozenset(self._direct_hosts),
            readers=claims.readers,
        )
