"""The RDS API as one cluster's source: when it is asked, and what is made of its answers.

It is asked on a thread of its own, beside the refreshes and never instead of one: a refresh has a
call's time. What it says only names the instance to ask; see `docs/design.md`, "The RDS API".
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import suppress_instrumentation

from aurora_otel.discovery.rds import clusters as rds_clusters
from aurora_otel.discovery.rds.answers import ApiError, ClusterDescription, Trouble
from aurora_otel.discovery.rds.api import LONGEST, RdsApi
from aurora_otel.discovery.rds.iam import Token
from aurora_otel.discovery.rds.pace import Pace
from aurora_otel.model import endpoints
from aurora_otel.model.endpoints import Address, Endpoint
from aurora_otel.model.topology import Reading, Source, Verdict
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.monitoring.requests import Trigger
from aurora_otel.runtime.signals import block_sigpipe
from aurora_otel.settings import RdsApiUse
from aurora_otel.telemetry.reports import ApiErrorReport, DisagreementReport
from aurora_otel.tracking.cluster import Cluster

# Answers that are no more than so many seconds apart describe the same moment.
_SIMULTANEOUS = 5.0
# Where SQL usually gives the topology, it has so many seconds before the API is asked.
_PATIENCE = 3.0


class Opinion(NamedTuple):
    """What the API said, and when it was asked, in seconds of the monotonic clock."""

    description: ClusterDescription
    at: float


class ControlPlane:
    """What the RDS API knows of one cluster.

    Args:
        cluster: the cluster.
        context: what it works with.
        heard: called on its thread with each reading, successful or not: the trigger that led to
            it, the reading, and when it began, in seconds of the monotonic clock.
    """

    def __init__(
        self,
        cluster: Cluster,
        context: AgentContext,
        heard: Callable[[Trigger, Reading, float], None],
    ) -> None:
        self._cluster = cluster
        self._context = context
        self._heard = heard
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._random = random.random
        self._pace = Pace(self._random)
        self._found: tuple[RdsApi, str] | None = None
        self._opinion: Opinion | None = None
        self._endpoints_at = float("-inf")
        self._verdict: Verdict | None = None
        self._first_at: float | None = None
        self._compared: tuple[str | None, str] | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether the API may be asked at all."""
        return self._context.config.settings.rds_api is not RdsApiUse.OFF and not self._stopped

    @property
    def _is_wanted(self) -> bool:
        """Whether it is asked about this cluster: by default, only about one of RDS's."""
        source = self._cluster.source
        is_on = self._context.config.settings.rds_api is RdsApiUse.ON
        return self.is_allowed and (is_on or source is None or source.is_of_rds)

    @property
    def found(self) -> tuple[RdsApi, str] | None:
        """The API that knows the cluster, and the cluster's identifier there, once it answered."""
        return self._found if self._opinion else None

    def consult(self, trigger: Trigger, endpoint: Endpoint) -> None:
        """Ask the API, if that is allowed and due; wait for nothing.

        Args:
            trigger: of the refresh that found no writer.
            endpoint: how the application last connected.
        """
        now = self._context.clock()
        if self._first_at is None:
            self._first_at = now + self._patience()
        if self._is_wanted and now >= max(self._pace.next, self._first_at):
            self.start(lambda: self._ask(endpoint, trigger))

    def compare(self, endpoint: Endpoint) -> None:
        """Ask what the API says of a failover that SQL has confirmed; wait for nothing."""
        if self._context.config.settings.rds_api is RdsApiUse.ON:
            self.start(lambda: self._ask(endpoint))

    def judged(self, verdict: Verdict) -> None:
        """Take note of what the instances say."""
        self._verdict = verdict
        self._first_at = None
        self._compare()

    def locate(self, endpoint: Endpoint) -> tuple[RdsApi, str]:
        """Return the API of the cluster's region, and the cluster's identifier; blocks.

        Raises:
            ApiError: the API did not answer, or nothing says which cluster it is.
        """
        if self._found is None:
            members = list(self._cluster.members)
            apis, domain = self._context.apis, self._cluster.domain
            self._found = rds_clusters.find(apis, endpoint, domain, members)
        return self._found

    def introduce(self, endpoint: Endpoint, token: Token | None) -> None:
        """Do beforehand what takes time, after the first connection; wait for nothing.

        With `on`, the API names a cluster that its endpoint does not name. Until it has answered,
        no metric of the cluster is exported: what a cluster is called does not change.

        Args:
            endpoint: how the application connected.
            token: what it logged in with, if that is an IAM token.
        """
        settings = self._context.config.settings
        is_named = endpoint.cluster or settings.cluster_id.of(endpoint.address.host)
        ask = settings.rds_api is RdsApiUse.ON and not is_named
        if not self.is_allowed or not (ask or token):
            return

        def prepare() -> None:
            if token is not None:
                self.sign(token, token.signed_for)
            if ask:
                try:
                    self._ask(endpoint)
                finally:
                    self._cluster.awaits_name = False

        self._cluster.awaits_name = ask
        if not self.start(prepare):
            self._cluster.awaits_name = False

    def sign(self, token: Token, signing_target: Address) -> str | None:
        """Return a token like the application's for another endpoint, if that can be signed."""
        try:
            return self._context.apis.of(token.region).token(*signing_target, token.user)
        except ApiError as error:
            self._report(error)
            return None

    def start(self, task: Callable[[], None]) -> bool:
        """Run `task` on a thread, unless another one is running; return whether it was started.

        An `ApiError` that it raises is reported.
        """
        with self._starting:
            if self._thread is not None or self._stopped:
                return False
            self._thread = threading.Thread(
                target=self._run, args=(task,), name="aurora-otel-rds-api", daemon=True
            )
            try:
                self._thread.start()
            except RuntimeError:
                # The interpreter is shutting down.
                self._thread = None
                return False
        # It may have ended by now.
        return True

    def stop(self) -> None:
        """Ask no more."""
        self._stopped = True

    def join(self) -> None:
        """Wait for a question under way to end: its time-outs are short."""
        if (thread := self._thread) is not None:
            thread.join(LONGEST)

    def _patience(self) -> float:
        """Return for how long refreshes are in vain before the API is asked, in seconds.

        Where instances give the topology, they do so again when there is a writer again, and
        sooner than the API; meanwhile, every process of every application would ask it. Those that
        do are spread.
        """
        settings = self._context.config.settings
        if not self._cluster.view or settings.rds_api is RdsApiUse.ON:
            return 0.0
        return (1 + self._random()) * _PATIENCE * settings.refresh_interval

    # On a thread of the agent's.

    def _run(self, task: Callable[[], None]) -> None:
        # The thread may have inherited the context of the request that it was started in.
        otel_context.attach(Context())
        block_sigpipe()
        try:
            self._context.config.shield.run("ask the RDS API", self._carry_out, task)
        finally:
            self._thread = None

    def _carry_out(self, task: Callable[[], None]) -> None:
        with suppress_instrumentation():
            try:
                task()
            except ApiError as error:
                self._report(error)

    def _ask(self, endpoint: Endpoint, trigger: Trigger | None = None) -> None:
        """Ask, for the refresh with `trigger`, if a refresh asked for it."""
        began = self._context.clock()
        try:
            api, identifier = self.locate(endpoint)
            domain = endpoint.domain or self._cluster.domain
            description = rds_clusters.describe(api, identifier, domain)
        except ApiError as error:
            self._paced(error.trouble)
            if trigger is not None and not self._is_as_good_as_off(error):
                self._hear(trigger, Reading(Source.RDS_API, began, error=error.kind), began)
            raise
        self._paced(None)
        self._opinion = Opinion(description, began)
        self._compare()
        said = Reading(Source.RDS_API, began, description.writer, description.members)
        if self._cluster.awaits_name:
            self._name(description.identifier)
        self._bind(description, (description.endpoint, description.reader_endpoint))
        self._hear(trigger or Trigger(Context()), said, began)
        if began - self._endpoints_at >= self._context.config.settings.refresh_window:
            self._endpoints_at = began
            custom = api.custom_endpoints(description)
            self._bind(description, [endpoint.host for endpoint in custom])

    def _name(self, label: str) -> None:
        """Set the cluster's label, unless it shares its totals with another of the same host."""
        cluster = self._cluster
        sharing = [each for each in self._context.clusters if each.label == cluster.label]
        if sharing == [cluster]:
            self._context.tracker.rename(cluster, label)
        cluster.awaits_name = False

    def _hear(self, trigger: Trigger, reading: Reading, began: float) -> None:
        if not self._stopped:
            self._heard(trigger, reading, began)

    def _bind(self, description: ClusterDescription, hosts: Iterable[str]) -> None:
        """Write down that the endpoints `hosts` are the cluster's."""
        for host in filter(None, hosts):
            own = endpoints.parse(host, description.port)
            now = self._context.clock()
            self._context.clusters.bind(self._cluster, own, description.members, now)

    def _paced(self, trouble: Trouble | None) -> None:
        interval = self._context.config.settings.refresh_interval
        self._pace.asked(trouble, self._context.clock(), interval)

    # What is reported.

    def _compare(self) -> None:
        """Count and report it where the API and the instances name different writers."""
        opinion, verdict = self._opinion, self._verdict
        if opinion is None or verdict is None:
            return
        named = opinion.description.writer
        if abs(opinion.at - verdict.began) > _SIMULTANEOUS or named == verdict.writer:
            return
        if (named, verdict.writer) != self._compared:
            self._compared = (named, verdict.writer)
            self._cluster.disagreements += 1
            attributes = self._cluster.attributes
            self._context.config.report(DisagreementReport(attributes, named, verdict.writer))

    def _report(self, error: ApiError) -> None:
        """Report what is wrong, once in the process for each thing that is."""
        if not self._is_as_good_as_off(error) and self._context.apis.is_new(error):
            self._context.config.report(ApiErrorReport(error))

    def _is_as_good_as_off(self, error: ApiError) -> bool:
        """Return whether no answer is expected: `auto`, and no credentials."""
        auto = self._context.config.settings.rds_api is RdsApiUse.AUTO
        return auto and error.trouble is Trouble.NO_CREDENTIALS
