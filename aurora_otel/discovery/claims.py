"""What the answers of one refresh amount to: which instance is confirmed as the writer.

Pure: values only. A view names a writer at most; an instance claims to be the writer at most. A
claim against the known writer is a verdict only once the known writer was asked, and denied it or
could not be reached. If both claim, the known writer stays. If it is silent, it may be frozen, and
the claimant an old writer that has just resumed: then the readers decide. One that shows no sign of
being of the same cluster is no claim against it: a member's name may have moved to another cluster,
and be the writer's there.
"""

from __future__ import annotations

from enum import Enum

from aurora_otel.discovery.targets import Beforehand, Failed, Target
from aurora_otel.model.membership import goes_with
from aurora_otel.model.peers import leads_to
from aurora_otel.model.topology import Answer, Role, Verdict


class Known(Enum):
    """What a refresh has found out about the known writer."""

    NOT_HEARD = "not heard"
    CONFIRMED = "confirmed"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    SILENT = "silent"  # it may be frozen, and be the writer all the same
    REFUSED = "refused"  # it is there, and does not take the agent's login


class Claims:
    """The answers of one refresh; used by one thread.

    Attributes:
        known: what was found out about the known writer.
        named: the writer that a reader named last.

    Args:
        before: what is known when the refresh begins.
    """

    def __init__(self, before: Beforehand) -> None:
        self.known = Known.NOT_HEARD
        self.named: str | None = None
        self._before = before
        self._answered: dict[str, None] = {}
        self._listed_by: dict[str, tuple[str, ...]] = {}
        self._readers_named: set[str] = set()
        self._readers: set[str] = set()
        self._claims: dict[str, None] = {}
        # By instance that answered: the epoch at which it claims; `None`: it does not.
        self.epochs: dict[str, int | None] = {}
        self._renamed_to: str | None = None
        # Instances that answered where the application itself connects.
        self._by_host: set[str] = set()
        # Those to which a connection was opened there, now or earlier.
        self._by_name: set[str] = set()
        # Those that could not be reached at their own addresses.
        self._tried: set[str] = set()
        # Those of them at which nothing is.
        self._gone: set[str] = set()
        # The names of targets that gave no answer, by why.
        self._failed: dict[Failed, set[str]] = {why: set() for why in Failed}

    def note_failure(self, target: Target, why: Failed) -> None:
        """Take note of a target that gave no answer.

        Args:
            target: the target.
            why: the kind of failure.
        """
        if target.is_own and target.instance and why in (Failed.BROKEN, Failed.SILENT):
            self._tried.add(target.instance)
            if why is Failed.BROKEN and target.instance not in self._before.held:
                self._gone.add(target.instance)
        self._failed[why].add(self._before.name_of(target))

    def is_renamed_writer(self, target: Target, answer: Answer) -> bool:
        """Return whether the server at the known writer's own address is that one, renamed.

        One that was a member beside it, or lists it beside itself, is another server.
        """
        known = self._before.writer
        listed = answer.view.instances if answer.view else (str(known),)
        return (
            target.instance == known
            and answer.is_writer
            and answer.instance not in self._before.members
            and known not in listed
        )

    def note(self, target: Target, answer: Answer) -> None:
        """Take note of an answer; another instance's, at an own address, is a renamed one.

        Args:
            target: the target.
            answer: what it said.
        """
        instance, known = answer.instance, self._before.writer
        self._answered.setdefault(instance)
        self.epochs[instance] = answer.epoch if answer.is_writer else None
        if answer.view is not None:
            self._listed_by[instance] = answer.view.instances
        if target.instance is None and (target.address or self._before.host_shows):
            self._by_host.add(instance)
        if target.is_own and target.instance != instance:
            self._renamed_to = instance
        if known is not None and target == Target(known, None) and instance != known:
            # The session is the same: the server that was known has another name now.
            if answer.is_writer:
                self._renamed_to = instance
            else:
                self.known = Known.DENIED
        if instance in (known, self._renamed_to):
            self.known = Known.CONFIRMED if answer.is_writer else Known.DENIED
        elif answer.is_writer:
            self._claims.setdefault(instance)
        if answer.role is Role.READER:
            self._readers.add(instance)
        if not answer.is_writer and answer.view and answer.view.writer:
            self.named = answer.view.writer
            self._readers_named.add(self.named)

    def note_by_name(self, instance: str) -> None:
        """Take note of one that answered over a connection that was opened by the name."""
        self._by_name.add(instance)

    @property
    def awaits_known_writer(self) -> bool:
        """Whether a claim waits for what the known writer says."""
        is_claimed_against = bool(self._claims) and self.known is Known.NOT_HEARD
        return self._before.writer is not None and is_claimed_against

    def writer(self, *, is_over: bool) -> str | None:
        """Return the confirmed writer.

        Args:
            is_over: whether no other answer will come.
        """
        known = self._before.writer
        claims = [each for each in self._claims if each != self._renamed_to and self._is_kin(each)]
        confirmed = (self._renamed_to or known) if self.known is Known.CONFIRMED else None
        if self._before.hear_all:
            if self.known is Known.NOT_HEARD and known is not None:
                return None
            claimants = [*claims, confirmed] if confirmed else claims
            has_epochs = any(self.epochs[each] for each in claimants)
            return self._highest(claimants) if has_epochs else self._only(claimants)
        if confirmed:
            return confirmed
        if self._before.goes_by_address:
            return self._moved_to(claims)
        if not claims or (known is not None and not self._may_follow(claims, is_over=is_over)):
            return None
        return claims[0]

    def _highest(self, claimants: list[str]) -> str | None:
        """Return the only claimant of the highest epoch, unless a higher or equal one is known.

        One that claimed at such an epoch and cannot be heard now may be the true writer. But where
        nothing is at its address, and no connection leads there, one that claims at its very epoch
        has taken its place: a pod that restarts has another address.
        """
        before, epochs = self._before, {each: self.epochs[each] or 0 for each in claimants}
        top = max(epochs.values(), default=-1)
        writers = [each for each, epoch in epochs.items() if epoch == top]
        unheard = (
            epoch
            for each, epoch in before.claims.items()
            if each not in self.epochs and not (epoch == top and each in self._gone)
        )
        is_beaten = top < before.epoch or any(epoch >= top > 0 for epoch in unheard)
        return writers[0] if len(writers) == 1 and not is_beaten else None

    def _only(self, claimants: list[str]) -> str | None:
        """Return the only claimant, where no epoch says which of two is the later one.

        Each other one that claimed when it last answered, and to which the application has
        connections, has to deny it, or to be found unreachable. One that takes no login is there.
        One that is silent, or whose connection broke, may answer the next time: it counts as
        unreachable once that has lasted. While one is silent, an instance that claimed beside the
        writer, or was the writer before it, may have resumed, and the silent one be the true
        writer.
        """
        before = self._before
        if len(claimants) != 1:
            return None
        (claimant,) = claimants
        unheard = before.claims.keys() - self.epochs.keys() - {claimant}
        if unheard - self._tried and not before.is_complete:
            return None
        refused, silent = self._failed[Failed.REFUSED], self._silent
        broken = self._failed[Failed.BROKEN] if unheard else set()
        if (unheard and refused) or (silent | broken) - before.lasting - self.epochs.keys():
            return None
        if silent or refused:
            is_doubtful = bool(unheard) if claimant == before.writer else claimant in before.deposed
            return None if is_doubtful else claimant
        return claimant

    @property
    def _silent(self) -> set[str]:
        """What gave no answer in time, now or lately."""
        lately = {name or str(self._before.host) for name in self._before.silent}
        return self._failed[Failed.SILENT] | lately

    def _moved_to(self, claims: list[str]) -> str | None:
        """Return the one that claims where the name leads, if the known writer is there no more.

        One that refuses the login is there, and may serve the sessions that it has. A former writer
        that was silent, and claims while the known one is, may have resumed.
        """
        before, found = self._before, [each for each in claims if self._is_behind_name(each)]
        if len(found) != 1 or before.writer is None:
            return found[0] if len(found) == 1 else None
        is_gone = self.known in (Known.DENIED, Known.UNREACHABLE, Known.SILENT)
        has_left = not leads_to(before.leads_to, before.writer)
        if not (is_gone and has_left and leads_to(before.leads_to, found[0])):
            return None
        is_doubtful = self.known is Known.SILENT and found[0] in before.deposed
        return None if is_doubtful else found[0]

    def _is_behind_name(self, claimant: str) -> bool:
        """Return whether the name leads to a claimant.

        A connection that was opened by the name before shows that as well, while the name leads to
        that address. Another login there may have to wait until it is known what came of those at
        the silent one, and these are repeated.
        """
        leads_there = leads_to(self._before.leads_to, claimant)
        return claimant in self._by_host or (leads_there and claimant in self._by_name)

    def _is_kin(self, claimant: str) -> bool:
        """Return whether a claimant shows that it is of the same cluster."""
        before, listed = self._before, self._listed_by.get(claimant)
        if before.writer is None or listed is None or claimant in self._by_host:
            return True
        return goes_with(frozenset(listed), claimant, before.writer, before.members)

    def _may_follow(self, claims: list[str], *, is_over: bool) -> bool:
        """Return whether a claim may stand against the known writer."""
        if self.known in (Known.REFUSED, Known.SILENT):
            if not self._is_given_up_by_readers(is_over=is_over):
                return False
            if self.known is Known.SILENT and not self._readers_named:
                # No reader says which of the two is frozen, or was.
                return len(claims) == 1 and claims[0] not in self._before.deposed
        return self.known is not Known.NOT_HEARD and len(claims) == 1

    def _is_given_up_by_readers(self, *, is_over: bool) -> bool:
        """Return whether no reader names the known writer, as far as they can be heard."""
        if self._readers_named:
            return self._before.writer not in self._readers_named
        return is_over

    # For the reading.

    @property
    def readers(self) -> frozenset[str]:
        """The instances that answered that they are readers."""
        return frozenset(self._readers)

    def instances(self, writer: str | None) -> tuple[str, ...]:
        """Return the instances: what the writer lists, if one is confirmed.

        Else what all list, but for claimants that are of another cluster; or what those list that
        list the known writer, if there are any: a reader may have moved to another cluster, too.
        """
        if listed := self._listed_by.get(writer or ""):
            return listed
        kin = [each for each in self._answered if each not in self._claims or self._is_kin(each)]
        loyal = [each for each in kin if self._before.writer in self._listed_by.get(each, ())]
        found: dict[str, None] = {}
        for instance in loyal or kin:
            found.update(dict.fromkeys(self._listed_by.get(instance, ())))
            found.setdefault(instance)
        return tuple(found)

    def contested(self, writer: str | None) -> tuple[str, ...]:
        """Return those that claim to be the writer beside the confirmed one."""
        return tuple(claimant for claimant in self._claims if claimant != writer)

    def verdict(self, writer: str | None) -> Verdict | None:
        """Return the verdict, if a writer is confirmed."""
        if writer is None:
            return None
        renamed = self._before.writer if writer == self._renamed_to else None
        denied, began = self.known is Known.DENIED, self._before.began
        epoch = self.epochs.get(writer) or 0
        return Verdict(writer, self.instances(writer), began, renamed, denied, epoch, self._unheard)

    @property
    def _unheard(self) -> frozenset[str]:
        """What may answer the next time, and did not now, where each one's own word is wanted."""
        if not self._before.hear_all:
            return frozenset()
        return frozenset((self._silent | self._failed[Failed.REFUSED]) - self.epochs.keys())
