"""What must hold, whatever happens: one file each."""

from __future__ import annotations

from tests.chaos.invariants.accounts import Accounts
from tests.chaos.invariants.exceptions import Exceptions
from tests.chaos.invariants.handovers import Handovers
from tests.chaos.invariants.leftovers import Leftovers
from tests.chaos.invariants.protocol import Invariant
from tests.chaos.invariants.shutdowns import Shutdowns
from tests.chaos.invariants.writes import Writes

__all__ = ["Invariant", "all_of_them"]


def all_of_them(kind: str = "aurora") -> tuple[Invariant, ...]:
    """Return a fresh one of each, for one run on a kind of cluster.

    Where the name of a service or of a single endpoint leads, no connect goes past it.
    """
    straight = () if kind in ("plain", "single") else (Handovers(),)
    return (Writes(), Shutdowns(), *straight, Accounts(), Exceptions(), Leftovers())
