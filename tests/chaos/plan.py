"""What happens, and in what order: pure, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

# Anything that may have to be chosen among what is there at the time.
_CHOICES = 2**16


class Action(str, Enum):
    """What can happen."""

    CRASH = "the writer dies"
    SWITCHOVER = "the writer is demoted in place"
    HANG = "the writer hangs"
    HANG_LINKS = "links are half open"
    CUT_LINKS = "links are cut"
    SLOW_LINKS = "links are slow"
    SILENT_LOGINS = "links fall silent after the login"
    LAG_DNS = "DNS lags"
    FREEZE_DNS = "DNS is frozen"
    FLAP_DNS = "DNS flaps"
    REFUSE_LOGINS = "logins are refused"
    ROTATE_PASSWORD = "the password is another"
    FREEZE_VIEW = "a view lags"
    CONTRADICT = "a view names another writer"
    GARBAGE_VIEW = "a view is garbage"
    KILL_BACKENDS = "backends are killed"
    READ_ONLY = "read-only transactions write"
    LEAK = "connections are leaked"
    LONG_QUERIES = "long queries run"
    FAIL_EXPORTS = "exporters fail"
    BLOCK_EXPORTS = "exporters block"


FAILOVERS = (Action.CRASH, Action.SWITCHOVER, Action.HANG)

# How often each happens. Failovers cost the lab a second or two each.
_WEIGHTS = {
    Action.CRASH: 3,
    Action.SWITCHOVER: 5,
    Action.HANG: 2,
    Action.HANG_LINKS: 3,
    Action.CUT_LINKS: 4,
    Action.SLOW_LINKS: 4,
    Action.SILENT_LOGINS: 3,
    Action.LAG_DNS: 4,
    Action.FREEZE_DNS: 4,
    Action.FLAP_DNS: 4,
    Action.REFUSE_LOGINS: 3,
    Action.ROTATE_PASSWORD: 4,
    Action.FREEZE_VIEW: 4,
    Action.CONTRADICT: 4,
    Action.GARBAGE_VIEW: 4,
    Action.KILL_BACKENDS: 8,
    Action.READ_ONLY: 8,
    Action.LEAK: 8,
    Action.LONG_QUERIES: 8,
    Action.FAIL_EXPORTS: 3,
    Action.BLOCK_EXPORTS: 3,
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens.

    Attributes:
        number: its place in the whole plan, from 1 on.
        action: what.
        pause: seconds before it, after the event before.
        lasts: seconds until it is put right again, where that is to be done.
        choice: decides what is left open, among what is there at the time.
    """

    number: int
    action: Action
    pause: float = 0.0
    lasts: float = 1.0
    choice: int = 0

    def __str__(self) -> str:
        return (
            f"{self.number}. after {self.pause:.2f} s: {self.action.value}, for {self.lasts:.2f} s"
        )


def plan(seed: int, events: int) -> tuple[Event, ...]:
    """Return the events of a seed; those of a shorter plan are the first ones of a longer."""
    chance = random.Random(seed)
    return tuple(
        Event(
            number,
            chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0],
            # Now and then everything at once, and now and then nothing for a while.
            pause=min(1.0, chance.expovariate(8)),
            lasts=chance.uniform(0.2, 3.0),
            choice=chance.randrange(_CHOICES),
        )
        for number in range(1, events + 1)
    )


def kept(events: Iterable[Event], numbers: Iterable[int]) -> tuple[Event, ...]:
    """Return the events of these numbers."""
    wanted = set(numbers)
    return tuple(event for event in events if event.number in wanted)
