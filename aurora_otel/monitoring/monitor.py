"""One cluster's monitor: when its topology is refreshed, whom it asks, over which connection."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation

from aurora_otel.discovery.dns import DomainLookup
from aurora_otel.discovery.plan import Beforehand, Target, targets
from aurora_otel.discovery.rds.iam import Token
from aurora_otel.discovery.walk import Walk
from aurora_otel.model.endpoints import Address
from aurora_otel.model.pace import LoginPace, SteadyPace
from aurora_otel.model.symptoms import Symptom
from aurora_otel.model.topology import Reading, Source
from aurora_otel.model.window import FirstSymptom
from aurora_otel.monitoring.access import Access, ClusterAccess
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.control_plane import ControlPlane
from aurora_otel.monitoring.events import FailoverEvents
from aurora_otel.monitoring.failover import FailoverHandler
from aurora_otel.monitoring.worker import Heard, RefreshOutcome, RefreshWorker, Trigger
from aurora_otel.runtime import sockets
from aurora_otel.runtime.effects import Wait
from aurora_otel.runtime.gate import Gate
from aurora_otel.telemetry.reports import FailoverReport
from aurora_otel.tracking.cluster import Cluster
from aurora_otel.tracking.evidence import Claim, Relation, relation

# The share of a refresh's time that may be spent on finding out where instances are.
_LOOKUP_SHARE = 0.25

_LOSSES = (Symptom.CONNECTION_LOST, Symptom.HUNG_UP)
# So many connections that a server has ended at once are no accident of one of them.
_MASS = 3
# While the writer confirms itself, so many errors are answered at once; then the pauses grow, from
# the first to the longest, in seconds. Calls that do not return are long statements then.
_ERRORS_FREE = 4
_ERRORS_FIRST = 0.5
_ERRORS_LONGEST = 2.0
_STUCK_LONGEST = 60.0


class ClusterMonitor:
    """Everything that looks at one cluster.

    Attributes:
        login_rejected: whether no login of ours worked the last time: the topology is then read on
            the next connection that the application opens itself.

    Args:
        cluster: the cluster.
        context: what it works with.
    """

    def __init__(self, cluster: Cluster, context: AgentContext) -> None:
        self.login_rejected = False
        self._pace = LoginPace(random.random)
        self._stuck = SteadyPace(1, _STUCK_LONGEST)
        self._errors = SteadyPace(_ERRORS_FREE, _ERRORS_LONGEST)
        self._access = ClusterAccess(self._sign, context.clock, self._pace)
        self._cluster = cluster
        self._context = context
        self._failover = FailoverHandler(cluster, context)
        self._lookup = DomainLookup()
        self._searched = False
        self._merged_into: ClusterMonitor | None = None
        self._walk = Walk(
            lambda: cluster.source,
            self._access.connect,
            self._locate,
            self._access.is_rejected,
            context.clock,
        )
        self._worker = RefreshWorker(
            self._refresh,
            lambda: max(cluster.detector.retry_at, self._errors.next),
            self._rest,
            context.clock,
        )
        self._api = ControlPlane(cluster, context, self._hear)
        self._events = FailoverEvents(cluster, context, self._api)

    @property
    def access(self) -> Access | None:
        """How the application last connected; `None` before the first connection."""
        return self._access.newest

    @property
    def logins(self) -> tuple[Access, ...]:
        """The logins that its own connections may use, the newest first."""
        return self._access.logins

    # What calls and the background loop ask for.

    def connected(self, access: Access) -> None:
        """Take note of how the application last connected."""
        first = self.access is None
        self._access.note(access)
        if self._cluster.has_topology and not (access.endpoint.domain or self._cluster.domain):
            self._lookup.begin(access.endpoint.address)
        if first and not self._cluster.is_overflow:
            self._api.introduce(access.endpoint, access.token)

    def symptom(
        self,
        kind: Symptom,
        *,
        suspect: str | None,
        hint: str | None = None,
        heard: Heard | None = None,
        wait: bool = True,
    ) -> Wait:
        """Take note of a symptom, and refresh; return the wait for an answer.

        Args:
            kind: the symptom.
            suspect: the instance that showed it.
            hint: the instance that somebody names as the writer.
            heard: the claim to be the writer that is the symptom.
            wait: whether a call waits for an answer, within `REFRESH_TIMEOUT`.
        """
        now = self._context.clock()
        if self._cluster.is_overflow:
            return Wait(Gate(), 0.0)
        context = otel_context.get_current() if wait else Context()
        self._cluster.detector.symptom(kind, now, context)
        self._cluster.alert = True
        if self._context.tracker.has_unidentified(self._cluster):
            # A verdict closes the window, and says nothing of those.
            self._cluster.identify_until(now + self._context.config.settings.refresh_window)
        if heard is not None:
            self._errors.reset()
        # Where errors are no failover again and again, no call waits to hear so once more.
        wait = wait and now >= self._errors.next
        budget = self._context.config.settings.refresh_timeout if wait else 0.0
        return self._worker.ask(Trigger(context, suspect, hint, heard=heard), budget)

    def refresh_if_due(self, *, wait: bool) -> Wait | None:
        """Refresh before a call, if a refresh is due and none is running; return the wait for it.

        Args:
            wait: whether a call waits for it, within `REFRESH_TIMEOUT`.
        """
        now = self._context.clock()
        detector = self._cluster.detector
        if not detector.window_open(now):
            self._cluster.calm(now)
            if self._walk.is_connected or not self._cluster.alert:
                self._worker.rest()
            return None
        if not (detector.refresh_due(now) or (not wait and self._may_ask_for_nothing(now))):
            return None
        context = otel_context.get_current() if wait else Context()
        budget = self._context.config.settings.refresh_timeout if wait else 0.0
        return self._worker.take_one(Trigger(context), budget)

    def _may_ask_for_nothing(self, now: float) -> bool:
        """Whether a symptom is not explained yet, and a question costs no login."""
        is_open = self._pace.is_in_doubt and self._walk.is_connected
        return is_open and now >= self._cluster.detector.retry_at

    def refresh_for_stuck_call(self) -> None:
        """Look because a call does not return; without a window."""
        if self._context.clock() >= self._stuck.next:
            self._worker.take_one(Trigger(Context(), stuck=True), 0.0)

    def refresh_for_stale_connection(self) -> Wait:
        """Refresh, as a connection that was just identified is stale; return the wait for it."""
        budget = self._context.config.settings.refresh_timeout
        return self._worker.ask(Trigger(otel_context.get_current()), budget)

    def find_writer(self) -> None:
        """Look, once, because no connection has landed on the writer yet; wait for nothing."""
        if not self._searched and not self._cluster.is_overflow:
            self._searched = True
            self._worker.take_one(Trigger(Context()), 0.0)

    def ask_for_events(self) -> None:
        """Ask the RDS API for its events of the last failover, if that is due; wait for nothing."""
        self._events.ask_if_due()

    def answered_since(self, moment: float) -> bool:
        """Whether a reading that began at or after `moment` was confirmed."""
        return self._worker.answered_since(moment)

    @property
    def wants_to_hear(self) -> bool:
        """Whether what the application's own new connections say is news."""
        return self.login_rejected or self._pace.is_in_doubt

    def hear(self, heard: Heard) -> Wait:
        """Refresh with what a writer said on the application's own new connection; return the wait.

        A call waits for the verdict where no login of the agent's own can bring one.
        """
        settings = self._context.config.settings
        budget = settings.refresh_timeout if self.login_rejected else 0.0
        return self._worker.ask(Trigger(otel_context.get_current(), heard=heard), budget)

    def hand_over(self, merged_into: ClusterMonitor) -> None:
        """Leave everything to `merged_into`, whose cluster turned out to be this one.

        A failover may be under way: what it made stale is among the merged_into's connections now.
        """
        self._merged_into = merged_into
        cluster, now = self._cluster, self._context.clock()
        first, ours = cluster.detector.first_symptom, cluster.detector.writer
        if cluster.detector.window_open(now) or ours not in (None, merged_into.writer):
            kind = first.kind if first else Symptom.TOPOLOGY
            merged_into.symptom(kind, suspect=None, wait=False)
        cluster.detector.close_window()
        cluster.calm(now)
        self._worker.rest()

    @property
    def writer(self) -> str | None:
        """The cluster's writer, if that is known."""
        return self._cluster.detector.writer

    def stop(self) -> threading.Thread | None:
        """Look no more; return the thread that may still be at it."""
        self._walk.stop()
        self._api.stop()
        return self._worker.stop()

    def close(self) -> None:
        """Close the connection of ours, if one is open, and see the last question answered."""
        self._walk.close()
        self._api.join()

    # One look, on a thread of ours.

    def _refresh(self, trigger: Trigger) -> RefreshOutcome:
        began = self._context.clock()
        self._note_doubt(trigger, began)
        outcome = RefreshOutcome(began, confirmed=False, changed=False)
        # The thread may have inherited the context of the request that it was started in.
        token = otel_context.attach(Context())
        try:
            shield = self._context.config.shield
            outcome = shield.run("look at the topology", self._read, trigger, began) or outcome
        finally:
            otel_context.detach(token)
            now = self._context.clock()
            self._cluster.detector.refreshed(now, confirmed=outcome.confirmed)
            if outcome.confirmed:
                self._pace.settled()
            self._note_pace(trigger, outcome, now)
        return outcome

    def _earliest(self) -> float:
        return max(self._cluster.detector.retry_at, self._errors.next)

    def _note_pace(self, trigger: Trigger, outcome: RefreshOutcome, now: float) -> None:
        """Have the next refreshes for the same kind of reason keep to the pace of that."""
        is_same = outcome.confirmed and not outcome.changed
        if trigger.stuck:
            stuck_after = self._context.config.settings.stuck_after
            self._stuck.refreshed(now, stuck_after, is_same=is_same)
        elif trigger.suspect is not None:
            self._errors.refreshed(now, _ERRORS_FIRST, is_same=is_same)

    def _note_doubt(self, trigger: Trigger, now: float) -> None:
        """Have logins keep to the pace of a doubt, if this refresh is because of one."""
        first = self._cluster.detector.first_symptom
        if first is not None and not self._pace.is_in_doubt:
            is_mass = first.kind in _LOSSES and self._is_mass_loss(trigger.suspect)
            self._pace.doubt(now, is_mass=is_mass)

    def _is_mass_loss(self, instance: str | None) -> bool:
        """Whether a server has ended several connections at once: those of every process."""
        tracks = self._context.tracker.tracks(self._cluster)
        there = ((t, t.socket) for t in tracks if t.socket and t.instance == instance)
        return len(sockets.hung_up(there)) >= _MASS

    def _read(self, trigger: Trigger, began: float) -> RefreshOutcome:
        budget = self._context.config.settings.refresh_timeout
        self._lookup.wait(budget * _LOOKUP_SHARE)
        # Before a claim is believed, the known writer is asked.
        self._access.urgent = self._cluster.detector.writer if trigger.heard else None
        with suppress_instrumentation():
            reading = self._walk.read(
                self._targets(trigger),
                budget,
                view=self._cluster.view,
                beforehand=Beforehand(
                    trigger.heard.at if trigger.heard else self._context.clock(),
                    writer=self._cluster.detector.writer,
                    members=frozenset(self._cluster.members),
                    suspect=trigger.suspect,
                    heard=trigger.heard.answer if trigger.heard else None,
                ),
            )
            if reading.verdict is not None:
                # Before anything is released: the application may need its slot.
                self._walk.close()
            self._pace.named(reading.named, self._context.clock())
            self.login_rejected = reading.login_refused
            if trigger.source is Source.RDS_API and _confirms(reading, trigger.hint):
                reading = replace(reading, source=Source.RDS_API)
            outcome = self._act(trigger, reading, began)
            if reading.contested:
                self._keep_asking()
            if reading.verdict is None and self.access is not None:
                self._api.consult(trigger, self.access.endpoint)
            return outcome

    def _keep_asking(self) -> None:
        """Have the topology refreshed again, less and less often: two instances claim the writer.

        One that has just thawed notices soon that it is no longer the writer.
        """
        now = self._context.clock()
        if not self._cluster.detector.window_open(now):
            self._cluster.detector.symptom(Symptom.TOPOLOGY, now)
            self._cluster.alert = True

    def _hear(self, trigger: Trigger, reading: Reading, began: float) -> None:
        """Act on what the RDS API said: look whether the writer that it names is one."""
        self._act(trigger, reading, began)
        if self._cluster.has_topology and reading.named not in (
            None,
            self._cluster.detector.writer,
        ):
            hinted = replace(trigger, hint=reading.named, source=Source.RDS_API)
            self._worker.refresh_with_hint(hinted)

    def _targets(self, trigger: Trigger) -> list[Target]:
        """Return whom to ask, the most promising first.

        Third parties before the known writer: it may hang. The suspect last. The application's own
        host after the first of them: instances may not be reachable by name at all.
        """
        writer = self._cluster.detector.writer
        others = [name for name in list(self._cluster.members) if name != writer]
        # So that many processes do not all ask the same instance first.
        random.shuffle(others)
        names_first = [name for name in (trigger.hint, *others, writer) if name]
        in_turn = [name for name in dict.fromkeys(names_first) if name != trigger.suspect]
        if trigger.suspect:
            in_turn.append(trigger.suspect)
        return targets(in_turn, self._locate, own_host_at=2 if trigger.hint else 1)

    def _sign(self, token: Token, signing_target: Address) -> str | None:
        return self._api.sign(token, signing_target) if self._api.is_allowed else None

    def _locate(self, instance: str) -> Address | None:
        if self.access is None:
            return None
        endpoint = self.access.endpoint.address
        cluster, clusters = self._cluster, self._context.clusters
        domain = cluster.domain or self._lookup.domain
        if (address := clusters.locate(cluster, instance, domain, endpoint.port)) is None:
            self._lookup.begin(endpoint)
        return address

    def _is_of_another_cluster(self, reading: Reading) -> bool:
        """Whether the host, or a name, that was asked leads to another cluster than before.

        A cluster endpoint of RDS may lead to the instances that took the place of all others, as
        after a blue/green switchover: once the former writer has answered that it is none.
        """
        if (verdict := reading.verdict) is not None:
            by_endpoint = self.access is not None and self.access.endpoint.cluster is not None
            if verdict.renamed or (verdict.denied and by_endpoint):
                return False
        claim = Claim.of_reading(reading, has_view=self._cluster.view)
        return relation(self._cluster, claim) is Relation.OTHER

    def _rest(self) -> None:
        """Close our own connection, unless a symptom is not explained yet.

        It sits in the application's database, and takes a connection of its role.
        """
        detector = self._cluster.detector
        is_in_doubt = detector.first_symptom is not None and detector.window_open(
            self._context.clock()
        )
        if not (is_in_doubt and self._access.may_keep):
            self._walk.close()

    def _act(self, trigger: Trigger, reading: Reading, began: float) -> RefreshOutcome:
        if self._merged_into is not None:
            return self._merged_into._act(trigger, reading, began)  # noqa: SLF001 - of the same class
        self._context.tracker.part_all(self._context.clusters.parted)
        if self._is_of_another_cluster(reading):
            return RefreshOutcome(reading.began, confirmed=False, changed=False)
        if reading.instances and self.access:
            confirmed = reading.verdict is not None and self._cluster.view
            self._cluster.learn(reading.instances, self._context.clock(), by_writer=confirmed)
            self._context.clusters.bind_instances(
                self._cluster, self.access.endpoint, reading.instances, self._context.clock()
            )
        if reading.verdict is not None:
            self._api.judged(reading.verdict)
        looked_for = Symptom.STUCK if trigger.stuck else Symptom.TOPOLOGY
        report = self._failover.apply(reading, FirstSymptom(looked_for, began, trigger.context))
        self._context.config.report(report)
        changed = isinstance(report, FailoverReport)
        if isinstance(report, FailoverReport) and self.access:
            self._events.follow(report.reference, self.access.endpoint)
            self._api.compare(self.access.endpoint)
        confirmed = reading.verdict is not None
        return RefreshOutcome(max(began, reading.began), confirmed=confirmed, changed=changed)


def _confirms(reading: Reading, hint: str | None) -> bool:
    return reading.verdict is not None and reading.verdict.writer == hint
