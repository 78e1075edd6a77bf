"""When the agent may log in for a cluster: ten thousand processes see a failover at one moment.

Pure: no I/O, no clock, no threads. Times are seconds of the monotonic clock and are passed in.
A question over a connection that is open costs a server next to nothing, and is not paced here; a
login costs it a process. Nothing is shared between processes but chance.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

# A writer that ends all its connections at once is replaced after many seconds. First logins are
# spread over so many at most: ten thousand processes then cost each server a few hundred a second.
SPREAD = 15.0
# Logins of the agents that servers carry out in a second, beside those of the applications: where
# there cannot be as many processes, logins are spread over no longer than theirs take.
LOGINS_PER_SECOND = 500.0
# In one doubt so many logins are free; a later one waits until the doubt has lasted longer by this
# share, for so many seconds at least and so many at most.
FREE = 4
SHARE = 0.75
STEP = 0.5
LONGEST = 60.0
# The same after a mass loss, where one instance that answers is enough.
SPREAD_FREE = 1
SPREAD_SHARE = 2.0
# A doubt in which nothing was refreshed for so many seconds is over: later symptoms are another's.
DOUBT_ENDS_AFTER = 60.0
# A login that was not answered in time is repeated after these seconds, doubled each time.
SILENT_FIRST = 4.0
SILENT_LONGEST = 32.0
# Reasons that are further apart than so many pauses are not one course of them.
QUIET = 3.0


class LoginPace:
    """The logins of one process for one cluster.

    A *doubt* lasts from the first symptom until a verdict explains it.

    Args:
        random: a number in [0, 1), for the jitter.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._since: float | None = None
        self._latest = float("-inf")
        self._is_spread = False
        # Seconds that one login of each process takes a server, at most.
        self._all_take = float("inf")
        # Whether logins are spread, and no server is known to be back.
        self._may_hasten = False
        self._not_before = float("-inf")
        self._named: str | None = None
        self._named_at = float("-inf")
        # All that were named in this doubt.
        self._names: set[str] = set()
        self._tried: set[Hashable] = set()
        self._last = float("-inf")
        # Where all are to be heard: the refreshes of this doubt that have logged in, whether this
        # one has, and whether it may.
        self._rounds = 0
        self._has_logged_in = False
        self._may_round: bool | None = None
        self._claimant: str | None = None
        # By target: when it may be tried again after a silence, and the pause until then.
        self._silent: dict[Hashable, tuple[float, float]] = {}

    @property
    def is_in_doubt(self) -> bool:
        """Whether a symptom waits for its verdict."""
        return self._since is not None

    def goes_on(self, now: float) -> bool:
        """Return whether a symptom of before still waits for its verdict, and is refreshed for."""
        return self._since is not None and now - self._latest < DOUBT_ENDS_AFTER

    def doubt(self, now: float, *, is_mass: bool, processes: float = float("inf")) -> None:
        """Take note of a refresh for a symptom.

        Args:
            now: when.
            is_mass: whether an instance ended all its connections at once: the other processes
                have lost theirs, too.
            processes: how many these are at most.
        """
        goes_on, self._latest = self.goes_on(now), now
        if goes_on:
            return
        self._since = now
        self._is_spread = self._may_hasten = is_mass
        self._all_take = processes / LOGINS_PER_SECOND
        spread = min(SPREAD, self._all_take) if is_mass else 0.0
        self._not_before = now + spread * self._random()
        self._tried.clear()
        self._names.clear()
        self._rounds = 0
        self._named = self._claimant = None

    def back_as_reader(self, at: float) -> None:
        """Take note that the server which ended all its connections is back as a reader.

        There is a new writer, or will be soon, and until it is found each write is refused: logins
        are spread no longer. Once in a doubt, as servers may be busy.

        Args:
            at: when a write was refused there.
        """
        if self._may_hasten and self._since is not None and at >= self._since:
            self._spread_no_longer(at)

    def refreshing(self, now: float, *, hears_all: bool, claimant: str | None = None) -> None:
        """Take note that a refresh begins.

        Args:
            now: when.
            hears_all: whether it takes what all say. Then a login is due at each of them or at
                none, and counts once: one of two that claim to be the writer is not to be believed
                because the other one was asked a moment ago.
            claimant: an instance that claimed to be the writer on a connection of the
                application's. Each that does so for the first time is worth logins at all.
        """
        if self._has_logged_in:
            self._rounds, self._has_logged_in = self._rounds + 1, False
        is_due = self._rounds < (SPREAD_FREE if self._is_spread else FREE) or self._is_over(now)
        if claimant not in (None, self._claimant):
            self._claimant, is_due = claimant, True
            if hears_all:
                # It was heard for nothing; the others are not where applications connect now.
                self._spread_no_longer(now)
        self._may_round = is_due if hears_all else None

    def _spread_no_longer(self, now: float) -> None:
        self._may_hasten = self._is_spread = False
        self._not_before = min(self._not_before, now)

    def in_vain(self) -> None:
        """Take note of a refresh in a doubt in which no server answered in time.

        They are busy with the logins of other processes, as after a mass loss: it is taken for one.
        """
        self._is_spread = self._since is not None

    def settled(self) -> None:
        """Take note of a verdict: the next doubt begins from the start."""
        self._since = None
        self._is_spread = False

    def named(self, instance: str | None, now: float) -> None:
        """Take note of the writer that instances name: a new name is worth a login of its own.

        After a mass loss that login is spread as well, over as long as the outage lasted, if there
        may be as many processes: the application connects there at this very moment, and hears for
        nothing what is there.
        """
        if instance is None or instance == self._named:
            return
        self._names.add(instance)
        is_first, self._named = self._named is None, instance
        self._named_at = now
        if is_first:
            return
        self._tried.discard(instance)
        if self._is_spread and self._since is not None:
            self._named_at += min(now - self._since, self._all_take) * self._random()

    def named_meanwhile(self, instance: str, now: float) -> None:
        """As `named`, while a refresh goes on: it may log in there itself.

        Once for each name in a doubt: views disagree, and each would be new after the other.
        """
        if instance not in self._names:
            self.named(instance, now)

    def put_off(self, now: float, named: str | None = None) -> str | None:
        """Return the writer that instances name, if it was not heard and a login is due later.

        Args:
            now: the time.
            named: the one that an instance has just named on the application's own connection.
        """
        named = named or self._named
        if self._since is None or named is None or named in self._tried:
            return None
        return None if self.may_log_in(named, now) else named

    def may_log_in(self, target: Hashable, now: float) -> bool:
        """Return whether a login at `target`, an instance or the application's own host, is due."""
        if self.is_silent(target, now):
            return False
        if self._since is None:
            return True
        if now < self._not_before or (target == self._named and now < self._named_at):
            return False
        if self._may_round is not None:
            return self._may_round
        free = SPREAD_FREE if self._is_spread else FREE
        if target not in self._tried and (target == self._named or len(self._tried) < free):
            return True
        return self._is_over(now)

    def is_silent(self, target: Hashable, now: float) -> bool:
        """Return whether the last login at a target was not answered, and is not to be repeated."""
        until, _ = self._silent.get(target, (now, 0.0))
        return now < until

    def _is_over(self, now: float) -> bool:
        """Return whether the pause after the last login is over, in a doubt."""
        since = self._last if self._since is None else self._since
        share = SPREAD_SHARE if self._is_spread else SHARE
        return now >= self._last + min(max(STEP, share * (self._last - since)), LONGEST)

    def logged_in(self, target: Hashable, now: float) -> None:
        """Take note of a login that was answered, with whatever."""
        self._tried.add(target)
        self._has_logged_in = True
        self._last = now
        self._silent.pop(target, None)

    def silent(self, target: Hashable, now: float) -> None:
        """Take note of a login that was not answered in time."""
        _, pause = self._silent.get(target, (now, SILENT_FIRST / 2))
        pause = min(2 * pause, SILENT_LONGEST)
        until = now + pause * (0.5 + self._random())
        self._silent[target] = (until, pause)
        if self._is_spread:
            # The servers are busy with the logins of the others.
            self._not_before = until


class SteadyPace:
    """How often a cluster is refreshed for one kind of reason, while its writer confirms itself.

    Long statements, and the errors of read-only transactions, are not a failover.

    Args:
        free: so many refreshes come at once.
        longest: the longest pause between two of the later ones, in seconds; it doubles up to this.
    """

    def __init__(self, free: int, longest: float) -> None:
        self._free = free
        self._longest = longest
        self._count = 0
        self._pause = 0.0
        self._at = float("-inf")

    @property
    def next(self) -> float:
        """When the cluster may be refreshed again."""
        return self._at + self._pause

    def refreshed(self, now: float, first: float, *, is_same: bool) -> None:
        """Take note of such a refresh.

        Args:
            now: when it ended.
            first: the first pause, in seconds.
            is_same: whether the known writer confirmed itself.
        """
        is_steady = is_same and now <= self._at + QUIET * max(self._pause, first)
        self._at = now
        self._count = self._count + 1 if is_steady else 1
        if self._count <= self._free:
            self._pause = 0.0
        else:
            self._pause = min(2 * self._pause or first, max(self._longest, first))

    def reset(self) -> None:
        """Begin again: something contradicts the known writer."""
        self._count = 0
        self._pause = 0.0
