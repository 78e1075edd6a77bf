"""Contenders measured in turn: A, B, A, B and so on.

What is compared is measured within milliseconds of each other, again and again, so that whatever
else happens on the machine happens to all of them; differences are taken within a round. The runner
of pyperf measures one benchmark after the other, which does not fit; it keeps the values instead.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from time import process_time

from benchmarks.figures import Spread

# One in so many rounds counts as quiet, and at least so many do.
_SHARE = 4
_FEWEST = 5

# Runs something so many times, and returns the seconds that it took.
Block = Callable[[int], float]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: how often each contender has its turn.
        block: the seconds that a turn lasts, about.
    """

    rounds: int
    block: float = 0.002


class Rounds:
    """What contenders took in each round: seconds a call.

    Figures are those of the quietest rounds: whatever else a machine does only ever adds.

    Attributes:
        seconds: all of them.
    """

    def __init__(self, seconds: dict[str, list[float]]) -> None:
        self.seconds = seconds

    @cached_property
    def _quiet(self) -> dict[str, list[float]]:
        """What was taken in the rounds in which all contenders together took the least."""
        usual = {name: statistics.median(each) for name, each in self.seconds.items()}
        noise = [
            sum(taken / usual[name] for name, taken in zip(self.seconds, turn, strict=True))
            for turn in zip(*self.seconds.values(), strict=True)
        ]
        count = max(_FEWEST, len(noise) // _SHARE)
        quiet = sorted(range(len(noise)), key=noise.__getitem__)[:count]
        return {name: [each[number] for number in quiet] for name, each in self.seconds.items()}

    def spread(self, name: str) -> Spread:
        """Return what `name` takes."""
        return Spread.of(self._quiet[name])

    def added(self, name: str, to: str) -> Spread:
        """Return what `name` takes beyond `to`, within a round."""
        pairs = zip(self._quiet[name], self._quiet[to], strict=True)
        return Spread.of([ours - theirs for ours, theirs in pairs])

    def of_floor(self, name: str, floor: str, *, beyond: str) -> Spread:
        """Return what `name` adds to `beyond`, in multiples of what `floor` takes.

        Args:
            name: what is judged.
            floor: what cannot be gone below; taken at its median: it is short, and in some rounds
                it is noise alone.
            beyond: what both have in common; `floor` is measured without it.
        """
        return self.added(name, beyond) * (1 / self.spread(floor).middle)

    def times(self, name: str, than: str, *, beyond: str) -> Spread:
        """Return how many times more than `than` `name` adds, within a round."""
        each = zip(self._quiet[name], self._quiet[than], self._quiet[beyond], strict=True)
        return Spread.of([(a - plain) / (b - plain) for a, b, plain in each if b > plain])


def joined(parts: Iterable[Rounds]) -> Rounds:
    """Return the rounds of several processes as those of one.

    Where things lie in a process's memory is chance, and the same in all of its rounds.
    """
    seconds: dict[str, list[float]] = {}
    for part in parts:
        for name, taken in part.seconds.items():
            seconds.setdefault(name, []).extend(taken)
    return Rounds(seconds)


def repeat(call: Callable[[], object], clock: Callable[[], float] = process_time) -> Block:
    """Return a block that calls `call`.

    Args:
        call: what is measured.
        clock: by the processor's time, which no neighbour on the machine adds to, where `call`
            waits for nothing; else by `perf_counter`.
    """

    def block(loops: int) -> float:
        rounds = range(loops)
        began = clock()
        for _ in rounds:
            call()
        return clock() - began

    return block


def in_turn(contenders: Mapping[str, Block], effort: Effort) -> Rounds:
    """Measure `contenders` in turn."""
    loops = {name: _loops(block, effort.block) for name, block in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    gc.collect()
    for number in range(effort.rounds):
        # None always comes after the same one.
        turn = order if number % 2 == 0 else order[::-1]
        for name in turn:
            seconds[name].append(contenders[name](loops[name]) / loops[name])
    return Rounds(seconds)


def _loops(block: Block, seconds: float) -> int:
    """Warm up, and return how many calls last for `seconds`."""
    # The first time, things are opened and imported.
    block(1)
    loops = 1
    while (took := block(loops)) < seconds:
        loops = max(loops + 1, min(loops * 10, int(loops * seconds / max(took, 1e-7))))
    block(loops)
    return loops
