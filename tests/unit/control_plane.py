"""An RDS API that answers what the test says, and what one cluster's control plane works with."""

from __future__ import annotations

import threading
from types import SimpleNamespace

from aurora_otel.discovery.rds.answers import ApiError, ClusterDescription
from aurora_otel.monitoring.context import AgentContext
from aurora_otel.runtime.shield import Shield
from aurora_otel.settings import Settings
from tests.support.threads import threads
from tests.support.tracks import new_cluster
from tests.support.waiting import eventually
from tests.unit.met import DOMAIN, Met

THREAD = "aurora-otel-rds-api"


class Api:
    """The API of the one region.

    Attributes:
        writer: whom it takes for the writer.
        trouble: why it gives no answer, if it gives none.
        answering: it answers while this is set.
        asked: how often it was asked for the cluster.
        events: what it returns as the events of failovers.
        since: from when on events were asked for, each time.
    """

    def __init__(self):
        self.writer = "a"
        self.trouble = None
        self.answering = threading.Event()
        self.answering.set()
        self.asked = 0
        self.events = []
        self.since = []

    def cluster(self, identifier):
        self.asked += 1
        self._answer()
        host = f"{identifier}.cluster-{DOMAIN}"
        reader = f"{identifier}.cluster-ro-{DOMAIN}"
        about = ("eu-west-1", "available", "aurora-postgresql", "16.4", host, reader, 5432)
        return ClusterDescription(identifier, *about, self.writer, ("a", "b", "c"))

    def cluster_of_instance(self, _):
        self._answer()
        return "orders"

    def custom_endpoints(self, _):
        return ()

    def failover_events(self, _, since):
        self.since.append(since)
        self._answer()
        return tuple(self.events)

    def _answer(self):
        assert self.answering.wait(20)
        if self.trouble:
            raise ApiError(self.trouble, "rds:DescribeDBClusters", self.trouble.value)


class Apis:
    """The API of every region: that of one."""

    def __init__(self):
        self.api = Api()
        self._reported = set()

    def of(self, _region):
        return self.api

    def is_new(self, error):
        known = error.trouble in self._reported
        self._reported.add(error.trouble)
        return not known


class Surveyed:
    """A cluster, and what its control plane works with.

    Attributes:
        now: seconds of the monotonic clock.
        reports: what was reported.
        heard: the readings that were handed over.
    """

    def __init__(self, **settings):
        self.now = 1000.0
        self.reports = []
        self.heard = []
        self.cluster = new_cluster()
        self.cluster.view = True
        self.met = Met()
        self.endpoint = self.met.endpoint(f"orders.cluster-{DOMAIN}")
        self.apis = Apis()
        self.api = self.apis.api
        self.failures = []
        self.config = SimpleNamespace(
            settings=Settings.resolve(settings, {}),
            shield=Shield(lambda *failure: self.failures.append(failure)),
            report=self.reports.append,
        )
        self.context = AgentContext(
            self.config, tracker=None, clusters=self.met, clock=lambda: self.now, apis=self.apis
        )

    def hear(self, _trigger, reading, _began):
        self.heard.append(reading)

    def settle(self):
        """Wait until nothing is asked."""
        self.api.answering.set()
        eventually(lambda: not threads(THREAD))
