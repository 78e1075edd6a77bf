"""One refresh of a cluster's topology: over which connection it asks, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation

from aurora_otel.discovery.dns import DomainLookup
from aurora_otel.discovery.rds.iam import Token
from aurora_otel.discovery.source import goes_by_address, hears_all
from aurora_otel.discovery.walk import Walk
from aurora_otel.model.endpoints import Address
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Reading, Source
from aurora_otel.model.window import FirstSymptom
from aurora_otel.monitoring.access import Access, ClusterAccess
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.control_plane import ControlPlane
from aurora_otel.monitoring.events import FailoverEvents
from aurora_otel.monitoring.failover import FailoverHandler
from aurora_otel.monitoring.outlook import Outlook
from aurora_otel.monitoring.paces import Paces
from aurora_otel.monitoring.places import Places
from aurora_otel.monitoring.rds_names import RdsNames
from aurora_otel.monitoring.reading_checks import is_misled, is_of_another_cluster
from aurora_otel.monitoring.requests import RefreshOutcome, Trigger
from aurora_otel.monitoring.slow_servers import ask_slow_server
from aurora_otel.runtime import sockets
from aurora_otel.telemetry.reports import FailoverReport
from aurora_otel.tracking.cluster import Cluster

# The share of a refresh's time that may be spent on finding out where instances are.
_LOOKUP_SHARE = 0.25
# Seconds for which it is tried whether anything listens where a login failed.
_CHECK = 0.25
# For so many seconds, another server that accepts writes beside the writer is nothing new: a name
# that leads to several addresses at a time does so for ever.
_RIVALRY = 300.0
# While it is not known which of the two is the writer, no connect waits for that more often.
_DOUBT = 5.0


class TopologyRefresh:
    """Refreshes one cluster's topology, and acts on what was read; on the worker's thread.

    Attributes:
        access: how the agent's own connections log in.
        login_rejected: whether no login of the agent's own worked the last time: the topology is
            then read on the next connection that the application opens itself.
        merged_into: that of the cluster which this one turned out to be.
        api: the RDS API as the cluster's source.
        events: its events of the last failover.

    Args:
        cluster: the cluster.
        context: what it works with.
        paces: how often the agent may log in.
        hinted: called with a trigger when the RDS API names another writer.
    """

    def __init__(
        self,
        cluster: Cluster,
        context: AgentContext,
        paces: Paces,
        hinted: Callable[[Trigger], None],
    ) -> None:
        self.login_rejected = False
        self.merged_into: TopologyRefresh | None = None
        self.access = ClusterAccess(self._sign, context.clock, paces.logins)
        self._cluster = cluster
        self._context = context
        self._paces = paces
        self._hinted = hinted
        self._failover = FailoverHandler(cluster, context)
        self._lookup = DomainLookup()
        self._places = Places(cluster)
        self._rds_names = RdsNames(cluster, context)
        self._outlook = Outlook(cluster, context, self.access, self._places, self._lookup)
        self._walk = Walk(
            lambda: cluster.source,
            self.access.connect,
            self._outlook.locate,
            self.access.is_rejected,
            context.clock,
            named=lambda writer: paces.logins.named_meanwhile(writer, context.clock()),
            is_there=partial(sockets.accepts, seconds=_CHECK),
        )
        self.api = ControlPlane(cluster, context, self._hear)
        self.events = FailoverEvents(cluster, context, self.api)

    @property
    def is_connected(self) -> bool:
        """Whether a connection of the agent's own is open."""
        return self._walk.is_connected

    def connected(self, access: Access) -> None:
        """Take note of how the application last connected."""
        first = self.access.newest is None
        self.access.note(access)
        if self._cluster.has_topology and not (access.endpoint.domain or self._cluster.domain):
            self._lookup.begin(access.endpoint.address)
        if first and not self._cluster.is_overflow:
            self.api.introduce(access.endpoint, access.token)

    def stop(self) -> None:
        """Have a refresh under way end soon; begin no other."""
        self._walk.stop()
        self.api.stop()

    def close(self) -> None:
        """Close the agent's own connection, if one is open; wait for the RDS API's last answer."""
        self._walk.close()
        self.api.join()

    def run(self, trigger: Trigger) -> RefreshOutcome:
        """Refresh once; return what came of it."""
        began = self._context.clock()
        self._paces.refreshing(trigger, began)
        outcome = RefreshOutcome(began, confirmed=False, changed=False)
        # The thread may have inherited the context of the request that it was started in.
        token = otel_context.attach(Context())
        try:
            shield = self._context.config.shield
            outcome = shield.run("refresh the topology", self._read, trigger, began) or outcome
        finally:
            otel_context.detach(token)
            self._paces.refreshed(trigger, outcome, self._context.clock())
        return outcome

    def rest(self) -> None:
        """Close the agent's own connection, unless a symptom is not explained yet.

        It sits in the application's database, and takes a connection of its role.
        """
        detector = self._cluster.detector
        is_in_doubt = detector.first_symptom is not None and detector.window_open(
            self._context.clock()
        )
        if not (is_in_doubt and self.access.may_keep):
            self._walk.close()

    def act(self, trigger: Trigger, reading: Reading, began: float) -> RefreshOutcome:
        """Act on a reading, also on one that came on another thread; return what came of it.

        Args:
            trigger: what the refresh was started with.
            reading: what was read.
            began: when the refresh began, in seconds of the monotonic clock.
        """
        if self.merged_into is not None:
            return self.merged_into.act(trigger, reading, began)
        self._context.tracker.part_all(self._context.clusters.parted)
        if (newest := self.access.newest) is not None:
            for where in reading.hosts:
                self._context.servers.answered(where or newest.endpoint.address)
        if self._is_of_others(reading):
            return RefreshOutcome(reading.began, confirmed=False, changed=False)
        reading = self._without_doubtful(reading, trigger)
        self._cluster.note_claims(reading.claims, reading.began)
        self._cluster.note_places(reading.places, reading.direct)
        if hears_all(self._cluster.source):
            self._context.servers.expect(reading.direct.values())
            self._note_direct_hosts(reading)
            self._note_leads(reading)
        if reading.instances and self.access.newest:
            confirmed = reading.verdict is not None and self._cluster.view
            self._cluster.learn(reading.instances, self._context.clock(), by_writer=confirmed)
            self._context.clusters.bind_instances(
                self._cluster, self.access.newest.endpoint, reading.instances, self._context.clock()
            )
        # One that claims alone contradicts nothing that was said.
        is_rivalry = sum(epoch is not None for epoch in reading.claims.values()) > 1
        contested = reading.contested if is_rivalry and hears_all(self._cluster.source) else ()
        self._cluster.detector.note_answers(reading.readers, contested)
        # Servers without an identifier go on being called by their host: no session outlives that.
        may_rename = not hears_all(self._cluster.source)
        if may_rename and self._context.tracker.note_peers(self._cluster, reading):
            settings = self._context.config.settings
            self._cluster.identify_until(self._context.clock() + settings.refresh_window)
        if reading.verdict is not None:
            self.api.judged(reading.verdict)
        looked_for = FirstSymptom(_looked_for(trigger), began, trigger.context)
        report = self._failover.apply(reading, looked_for)
        self._context.config.report(report)
        changed = isinstance(report, FailoverReport)
        if isinstance(report, FailoverReport) and self.access.newest:
            self.events.follow(report.reference, self.access.newest.endpoint)
            self.api.compare(self.access.newest.endpoint)
        confirmed = reading.verdict is not None
        return RefreshOutcome(
            max(began, reading.began),
            confirmed=confirmed,
            changed=changed,
            heard_all=hears_all(self._cluster.source),
        )

    def _without_doubtful(self, reading: Reading, trigger: Trigger) -> Reading:
        """Return a reading without its verdict, and look again, if that is doubtful."""
        if reading.verdict is None or not self._cluster.detector.is_doubtful(reading.verdict):
            return reading
        self._look_again(trigger)
        return reading._replace(verdict=None)

    def _note_leads(self, reading: Reading) -> None:
        """Take note of where the application's hosts lead.

        A login by several hosts leads to any of them, whichever of them was to be asked.
        """
        for host, instance in reading.hosts.items():
            if host is not None and not self._context.servers.is_expected(host):
                self._cluster.detector.note_lead(
                    str(host), instance, reading.began, is_reader=instance in reading.readers
                )

    def _note_direct_hosts(self, reading: Reading) -> None:
        """Take note of hosts that lead straight to servers: a connect may not have shown it."""
        if (newest := self.access.newest) is not None:
            for host in reading.direct_hosts:
                self._context.clusters.direct.note(host or newest.endpoint.address, is_direct=True)

    def _is_of_others(self, reading: Reading) -> bool:
        """Return whether other instances answered, or those of another cluster."""
        newest = self.access.newest
        by_endpoint = newest is not None and newest.endpoint.cluster is not None
        return is_misled(reading, self._cluster, self._context) or is_of_another_cluster(
            reading, self._cluster, self._context, by_endpoint=by_endpoint
        )

    def _read(self, trigger: Trigger, began: float) -> RefreshOutcome:
        budget = self._context.config.settings.refresh_timeout
        if trigger.slow is not None:
            ask_slow_server(trigger.slow, self.access, self._cluster, self._context)
            if not self._cluster.has_topology or self._cluster.detector.first_symptom is None:
                return RefreshOutcome(began, confirmed=False, changed=False)
        self._lookup.wait(budget * _LOOKUP_SHARE)
        if self.access.newest is not None:
            host = self.access.newest.endpoint.address
            self._places.look_up(host, budget * _LOOKUP_SHARE)
            if self._rds_names.look_up(host.port, budget * _LOOKUP_SHARE):
                # The open connection leads to where a name meant another instance.
                self._walk.close()
        with suppress_instrumentation():
            reading = self._walk.read(
                self._outlook.targets(trigger),
                budget,
                view=self._cluster.view,
                beforehand=self._outlook.beforehand(trigger),
            )
            if self._walk.was_in_vain:
                self._paces.logins.in_vain()
            if reading.verdict is not None:
                # Before anything is released: the application may need its slot.
                self._walk.close()
            self._paces.logins.named(reading.named, self._context.clock())
            self.login_rejected = reading.login_refused
            if trigger.source is Source.RDS_API and _confirms(reading, trigger.hint):
                reading = reading._replace(source=Source.RDS_API)
            outcome = self.act(trigger, reading, began)
            if reading.contested:
                self._respond_to_rivals(reading, trigger)
            if reading.verdict is None and self.access.newest is not None:
                self.api.consult(trigger, self.access.newest.endpoint)
            return outcome

    def _respond_to_rivals(self, reading: Reading, trigger: Trigger) -> None:
        """Have the topology refreshed again, less and less often: two instances claim the writer.

        One that has just thawed notices soon that it is no longer the writer. Where one that is
        called by its address claims beside the writer itself, it may be the very same server by
        another address: then nothing is asked because of it for a while.
        """
        now, detector = self._context.clock(), self._cluster.detector
        is_by_address = goes_by_address(self._cluster.source)
        is_settled = reading.verdict is not None
        if is_by_address:
            self._cluster.note_rivals(reading.contested, now + (_RIVALRY if is_settled else _DOUBT))
        if is_by_address and is_settled:
            detector.close_window()
            self._cluster.calm(now)
        else:
            self._look_again(trigger)

    def _look_again(self, trigger: Trigger) -> None:
        """Have the topology refreshed again, less and less often, until there is a verdict."""
        now, detector = self._context.clock(), self._cluster.detector
        if not detector.window_open(now):
            detector.symptom(_looked_for(trigger), now, trigger.context)
            self._cluster.alert = True

    def _hear(self, trigger: Trigger, reading: Reading, began: float) -> None:
        """Act on what the RDS API said: check whether the writer that it names is one.

        That first: a refresh that asks the members it names says that they came from the API.
        """
        writer = self._cluster.detector.writer
        if self._cluster.has_topology and reading.named not in (None, writer):
            self._hinted(trigger._replace(hint=reading.named, source=Source.RDS_API))
        self.act(trigger, reading, began)

    def _sign(self, token: Token, signing_target: Address) -> str | None:
        return self.api.sign(token, signing_target) if self.api.is_allowed else None


def _looked_for(trigger: Trigger) -> Symptom:
    """Return what a refresh is for where there was no symptom before it."""
    return Symptom.STUCK if trigger.stuck else Symptom.TOPOLOGY


def _confirms(reading: Reading, hint: str | None) -> bool:
    return reading.verdict is not None and reading.verdict.writer == hint
