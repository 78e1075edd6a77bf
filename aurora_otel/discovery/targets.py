"""Where a refresh asks, what is known when it begins, and why a target may give no answer.

Pure: values only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from aurora_otel.model.endpoints import Address
from aurora_otel.model.topology import Answer


class Target(NamedTuple):
    """Where to ask.

    Attributes:
        instance: the instance that is expected there, if that is known beforehand.
        address: where; `None` with an instance: over the connection that is open already; `None`
            without one: where the application itself connected last. Without an instance: another
            host that the application connected to.
        is_place: whether any member of the cluster may be there: the application's login is for
            all of them.
    """

    instance: str | None
    address: Address | None
    is_place: bool = False

    @property
    def is_own(self) -> bool:
        """Whether it is where an instance is reached by its own name."""
        return self.instance is not None and self.address is not None

    @property
    def is_open(self) -> bool:
        """Whether it is an instance over the connection that is open already."""
        return self.instance is not None and self.address is None

    @property
    def name(self) -> str:
        """What its silence is remembered by: the instance or the host; empty for the last host."""
        return self.instance or (str(self.address) if self.address else "")


def targets(  # noqa: PLR0913 - what there is to list
    names: Iterable[str],
    locate: Callable[[str], Address | None],
    *,
    own_host: Address | None = None,
    own_host_at: int = 1,
    other_hosts: Iterable[Address] = (),
    places: Iterable[Address] = (),
) -> list[Target]:
    """Return where to ask: instances that can be located, and the application's own host.

    Args:
        names: of instances, the most promising first.
        locate: returns where an instance is reached, if that is known.
        own_host: where the application connected last, if it matters that it is this very host;
            else any login that works is tried at its own.
        own_host_at: how many instances come before the application's own host: instances may not
            be reachable by name at all.
        other_hosts: others that the application connected to. The last one may be a reader's.
        places: where else members may be.
    """
    located = [(name, locate(name)) for name in names]
    found = [Target(name, where) for name, where in located if where]
    asked = {target.address for target in found}
    found.insert(own_host_at, Target(None, own_host))
    found += [Target(None, host) for host in other_hosts]
    asked.update(target.address for target in found)
    return found + [Target(None, each, is_place=True) for each in places if each not in asked]


class Failed(Enum):
    """Why a target gave no answer."""

    SILENT = "silent"
    UNHEARD = "unheard"  # it may have answered in time
    POSTPONED = "postponed"  # it was not asked: no login is due there yet
    REFUSED = "refused"  # the login
    BROKEN = "broken"  # anything else


class Beforehand(NamedTuple):
    """What is known when a refresh begins.

    Attributes:
        began: when that is, in seconds of the monotonic clock.
        writer: the known writer.
        members: the instances that it listed.
        deposed: former writers that have not answered as readers since.
        kept: the instance to which a connection is open.
        suspect: the instance that showed a symptom: it is asked last.
        silent: the instances that did not answer in time lately; see `Target.name`.
        awaited: those that an earlier refresh still waits for: not asked again, whatever comes.
        heard: what an instance said on the application's own new connection.
        heard_at: the network address at the other end of that.
        host_shows: whether where the application connects shows the cluster: it is no instance's
            own name, which may be another cluster's by now.
        hear_all: whether all that can be reached are heard before a claim is believed; see
            `discovery.source.Confirmation.ALL_REACHABLE`.
        epoch: the highest epoch at which a writer was ever confirmed.
        claims: by instance, the epoch at which it claimed to be the writer when it last answered.
            Without epochs, those of instances to which the application has connections.
        held: those instances of `claims` to which the application has connections.
        is_complete: whether the targets are all the places where members are.
        lineage: what all instances of the cluster answer alike, if that is known.
        goes_by_address: whether a claim counts where the name leads alone; see
            `discovery.source.Confirmation.NAME_MOVED`.
        leads_to: the network addresses that the name leads to, if it is a name that leads anywhere.
        host: where the application connected last.
        lasting: the instances and hosts that have given no answer for long; see `name_of`.
    """

    began: float
    writer: str | None = None
    members: frozenset[str] = frozenset()
    deposed: frozenset[str] = frozenset()
    kept: str | None = None
    suspect: str | None = None
    silent: frozenset[str] = frozenset()
    awaited: frozenset[str] = frozenset()
    heard: Answer | None = None
    heard_at: Address | None = None
    host_shows: bool = True
    hear_all: bool = False
    epoch: int = 0
    claims: Mapping[str, int] = MappingProxyType({})
    held: frozenset[str] = frozenset()
    is_complete: bool = False
    lineage: str | None = None
    goes_by_address: bool = False
    leads_to: frozenset[str] = frozenset()
    host: Address | None = None
    lasting: frozenset[str] = frozenset()

    @property
    def goes_by_word(self) -> bool:
        """Whether nothing but each one's own word shows which of two accepts writes."""
        return self.hear_all and self.epoch == 0 and not any(self.claims.values())

    def name_of(self, target: Target) -> str:
        """Return what is remembered of a target by: its name, or where the last host leads."""
        return target.name or str(self.host)

    def is_another_lineage(self, answer: Answer) -> bool:
        """Return whether an instance has another cluster's data."""
        return None not in (self.lineage, answer.lineage) and answer.lineage != self.lineage
