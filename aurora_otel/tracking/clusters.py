"""All clusters, and to which of them a connection belongs.

A cluster is what its own writer lists; an instance is an identifier in a scope. What a fresh
connection answers outweighs what its host, port or name was bound to before. Without an answer, a
cluster is known by its cluster endpoint or by the instance that the name gives; never by the DNS
hash alone, which all clusters of an account share. A host whose name is neither RDS's nor explained
by a setting is a scope of its own, so that private names are never merged. One that leads straight
to servers that are called by their own addresses shares a scope with others that do.

Times are seconds of the monotonic clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from aurora_otel.model.endpoints import Address, Endpoint, EndpointMap
from aurora_otel.model.topology import Answer
from aurora_otel.tracking.bindings import Bindings, Name, host_of
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.direct_hosts import DIRECT, DirectHosts
from aurora_otel.tracking.evidence import Claim, Relation, has_to_hear_of, may_be_one, relation
from aurora_otel.tracking.registry import Registry

if TYPE_CHECKING:
    from aurora_otel.discovery.source import TopologySource


class Clusters:
    """Every cluster that this process has met.

    Read and extended from hooks, without a lock: each step is one atomic operation on a dict. Two
    threads that meet one cluster at the same moment may make two objects of it; the next answer
    finds that out and queues the pair in `duplicates`.

    Args:
        endpoints: what the settings say of host names.
        create: makes the object of a new cluster out of its endpoint and `db.system.name`.
    """

    def __init__(self, endpoints: EndpointMap, create: Callable[[Endpoint, str], Cluster]) -> None:
        self.endpoints = endpoints
        self.duplicates: deque[tuple[Cluster, Cluster]] = deque()
        # A cluster, and the one that was found to have been taken for it.
        self.parted: deque[tuple[Cluster, Cluster]] = deque()
        # A cluster, and another one whose writer was promoted beside its own.
        self.unheard: deque[tuple[Cluster, Cluster]] = deque()
        self.registry = Registry(create)
        self.bindings = Bindings()
        self.direct = DirectHosts()

    def __iter__(self) -> Iterator[Cluster]:
        """Iterate over the clusters, each once, oldest first."""
        return iter(self.registry)

    def find(self, endpoint: Endpoint, now: float) -> Cluster | None:
        """Return the cluster that `endpoint` is known to lead to, as far as its name says."""
        return self.bindings.of_host(host_of(endpoint)) or self._of_name(endpoint, now)

    def knows(self, endpoint: Endpoint, now: float) -> bool:
        """Return whether the instance that an endpoint names was lately listed by its cluster."""
        if endpoint.instance is None:
            return False
        cluster = self._of_name(endpoint, now)
        name = self._name(endpoint.instance, endpoint)
        return (
            cluster is not None and cluster.has_topology and self.bindings.is_confirmed(name, now)
        )

    def place(  # noqa: PLR0913 - all that is known of a connection
        self,
        endpoint: Endpoint,
        system: str,
        now: float,
        answer: Answer | None = None,
        *,
        source: TopologySource | None = None,
        view: bool = False,
        is_fresh: bool = True,
    ) -> Cluster:
        """Return the cluster of a fresh connection, a new one if need be, and learn from it.

        Args:
            endpoint: what the application connected to.
            system: `db.system.name`.
            now: seconds of the monotonic clock.
            answer: what the server answered, if it was asked.
            source: the kind of cluster that the server is of.
            view: whether its view of the others may be read.
            is_fresh: whether the connection was just opened: else it says nothing of its host.
        """
        if answer is not None and not is_fresh and (left := self._left_behind(endpoint, answer)):
            return left
        if answer is None:
            cluster = self._by_name(endpoint, system, now)
            listed: Iterable[str] = (endpoint.instance,) if endpoint.instance else ()
        else:
            cluster = self._by_answer(endpoint, system, answer, now, is_fresh=is_fresh)
            listed = _names(answer)
        cluster.used_at = now
        if cluster.is_overflow:
            return cluster
        # Again: a signal handler may have raised between its first binding and that it was added.
        self.registry.add(cluster)
        if cluster.domain is None and endpoint.domain:
            cluster.domain = endpoint.domain
        if listed:
            by_writer = answer is not None and answer.is_writer and answer.view is not None
            cluster.learn(listed, now, by_writer=by_writer)
        if answer is not None:
            cluster.source = cluster.source or source
            cluster.view = cluster.view or view
            cluster.lineage = cluster.lineage or answer.lineage
            cluster.note_answer(answer, now)
            cluster.note_places(answer.places)
            if answer.view is not None:
                cluster.note_view(answer.view)
            if answer.is_writer:
                cluster.detector.introduce(answer.instance, now)
        return cluster

    def bind(
        self, cluster: Cluster, endpoint: Endpoint, instances: Iterable[str], now: float
    ) -> None:
        """Write down that `endpoint` and `instances` belong to `cluster`."""
        if cluster.domain is None and endpoint.domain:
            cluster.domain = endpoint.domain
        owner = self.bindings.claim_host(host_of(endpoint), cluster, now)
        if owner is not cluster.current:
            self.duplicates.append((owner, cluster))
        self.bind_instances(cluster, endpoint, instances, now)

    def bind_instances(
        self, cluster: Cluster, endpoint: Endpoint, instances: Iterable[str], now: float
    ) -> None:
        """Write down that `instances`, in the scope of `endpoint`, belong to `cluster`."""
        for instance in instances:
            name = self._name(instance, endpoint)
            owner = self.bindings.of_name(name, now)
            self.bindings.bind_name(name, cluster, now)
            if owner is not None and owner is not cluster.current:
                self.duplicates.append((owner, cluster))

    def locate(
        self, cluster: Cluster, instance: str, domain: str | None, port: int
    ) -> Address | None:
        """Return where `instance` of `cluster` is reached, or `None` where that cannot be known.

        Where RDS's own names give the instances of `cluster`, and those of another cluster are
        called alike, the settings may mean either: then bare names count for nothing here. Nor do
        they once an instance of this name has answered elsewhere (`evidence.answers_elsewhere`).

        Args:
            cluster: the cluster.
            instance: the instance's identifier.
            domain: the RDS domain of its instances, if that is known.
            port: the port of the application's own connections.
        """
        known = self.endpoints
        if cluster.domain and (
            cluster.is_named_by_rds
            or any(instance in other.members and other.domain != cluster.domain for other in self)
        ):
            known = known.of_whole_names
        return known.address(instance, domain, port) or cluster.addresses.get(instance)

    def merge_duplicates(self) -> list[tuple[Cluster, Cluster]]:
        """Make one of each pair found to be one cluster; return them as (winner, loser).

        A pair whose writers are known, and do not know each other, stays two. If one side has to
        hear of the other, that is queued in `unheard`.
        """
        settled = []
        while self.duplicates:
            pair = (cluster.current for cluster in self.duplicates.popleft())
            winner, loser = sorted(pair, key=lambda c: c.number)
            if winner is loser:
                continue
            if may_be_one(winner, loser):
                winner.take_over(loser)
                self.registry.remove(loser)
                settled.append((winner, loser))
                continue
            sides = ((winner, loser), (loser, winner))
            self.unheard.extend(each for each in sides if has_to_hear_of(*each))
        return settled

    # To which cluster does a connection belong?

    def _by_name(self, endpoint: Endpoint, system: str, now: float) -> Cluster:
        host = host_of(endpoint)
        found = self.find(endpoint, now)
        if found is None:
            found = self._meet(endpoint, system, now)
        else:
            self.bindings.bind_host(host, found, now)
        return found

    def _left_behind(self, endpoint: Endpoint, answer: Answer) -> Cluster | None:
        """Return the cluster that a cluster endpoint of RDS leads to, for what is left behind.

        After a blue/green switchover the endpoint leads to other instances. A connection of before
        to one that answers that it is no writer belongs where the endpoint leads.
        """
        if endpoint.cluster is None or answer.is_writer:
            return None
        cluster = self.bindings.of_host(endpoint.cluster)
        known = cluster.detector.writer if cluster else None
        return cluster if known not in (None, answer.instance) else None

    def _by_answer(
        self, endpoint: Endpoint, system: str, answer: Answer, now: float, *, is_fresh: bool
    ) -> Cluster:
        claim, host = Claim.of_answer(answer), host_of(endpoint)
        bound = self.bindings.of_host(host)
        if bound is None:
            bound = self._related(endpoint, answer, claim, now)
        if bound is None:
            bound = self._meet(endpoint, system, now)
        if bound.is_overflow:
            return bound
        found = self._confirmed(bound, endpoint, system, answer, now)
        if is_fresh and not found.is_overflow:
            self.bindings.bind_host(host, found, now)
        if not found.is_overflow:
            self._bind_names(found, endpoint, answer, claim, now)
        return found

    def _confirmed(
        self, bound: Cluster, endpoint: Endpoint, system: str, answer: Answer, now: float
    ) -> Cluster:
        """Return `bound` unless the answer says that its host leads to another cluster now."""
        claim = Claim.of_answer(answer)
        how = relation(bound, claim, is_named=endpoint.instance is not None)
        related = self._related(endpoint, answer, claim, now, apart_from=bound)
        is_empty = not bound.members
        if how is Relation.SAME or (how is Relation.UNDECIDED and (related is None or is_empty)):
            if related is not None:
                self.duplicates.append((bound, related))
            return bound
        if related is None:
            related = self.registry.new(endpoint, system)
            self.registry.add(related)
        if not related.is_overflow:
            self.parted.append((bound, related))
        return related

    def _related(
        self,
        endpoint: Endpoint,
        answer: Answer,
        claim: Claim,
        now: float,
        apart_from: Cluster | None = None,
    ) -> Cluster | None:
        """Return the cluster that the answer's instances show it to be, if one is known."""
        for instance in dict.fromkeys((answer.instance, claim.writer, *claim.names)):
            if instance is None:
                continue
            found = self.bindings.of_name(self._name(instance, endpoint), now)
            if found is None or found is apart_from:
                continue
            if relation(found, claim, is_bound=False) is Relation.SAME:
                return found
        return None

    def _bind_names(
        self, cluster: Cluster, endpoint: Endpoint, answer: Answer, claim: Claim, now: float
    ) -> None:
        """Bind the instances of an answer; only its own and a writer's list outweigh others'."""
        for instance in _names(answer):
            name = self._name(instance, endpoint)
            owner = self.bindings.of_name(name, now)
            if owner is None or owner is cluster:
                self.bindings.bind_name(name, cluster, now)
                continue
            if relation(owner, claim, is_bound=False) is Relation.SAME:
                self.duplicates.append((owner, cluster))
            if claim.is_own or instance == answer.instance:
                self.bindings.bind_name(name, cluster, now)

    def _meet(self, endpoint: Endpoint, system: str, now: float) -> Cluster:
        """Return the new cluster of a host; of two threads that meet it, both get the same."""
        created = self.registry.new(endpoint, system)
        if not created.is_overflow:
            created = self.bindings.claim_host(host_of(endpoint), created, now)
            self.registry.add(created)
        return created

    def _of_name(self, endpoint: Endpoint, now: float) -> Cluster | None:
        if endpoint.instance is None:
            return None
        return self.bindings.of_name(self._name(endpoint.instance, endpoint), now)

    def _name(self, instance: str, endpoint: Endpoint) -> Name:
        scope = self.endpoints.namespace(instance, endpoint.domain)
        if endpoint.address in self.direct:
            return DIRECT, instance
        return scope or str(endpoint.address), instance


def _names(answer: Answer) -> tuple[str, ...]:
    """Return the instances that an answer lists, its own first."""
    seen = answer.view.instances if answer.view else ()
    return tuple(dict.fromkeys((answer.instance, *seen)))
