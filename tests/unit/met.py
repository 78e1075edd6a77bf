"""The clusters that a process has met, and the names that they are met by."""

from aurora_otel.discovery.aurora_postgresql import AuroraPostgreSQL
from aurora_otel.model.detector import Detector, Pace
from aurora_otel.model.endpoints import EndpointMap
from aurora_otel.model.topology import Answer, Role, View
from aurora_otel.tracking.cluster import Cluster, first_label
from aurora_otel.tracking.clusters import Clusters

DOMAIN = "cn1abcdefghi.eu-west-1.rds.amazonaws.com"
OTHER_REGION = "cn1abcdefghi.us-east-1.rds.amazonaws.com"
SYSTEM = "postgresql"


class Met(Clusters):
    """The clusters that a process has met, by the host names that it connected to."""

    def __init__(self, endpoints=None):
        super().__init__(endpoints or EndpointMap(), self._new)

    @staticmethod
    def _new(endpoint, system):
        return Cluster(first_label(endpoint, None), system, Detector(Pace(180.0, 1.0), lambda: 0.5))

    def endpoint(self, host, port=5432):
        return self.endpoints.classify(host, port)

    def meet(self, host, *members, port=5432, at=None):
        """Connect to `host` and land on `at`, or else on the first of the `members` it lists."""
        at = at or next(iter(members), None)
        answer = at and Answer(at, Role.UNKNOWN, "1", View(members, None) if members else None)
        cluster = self.place(self.endpoint(host, port), SYSTEM, 0.0, answer or None)
        cluster.learn(members, 0.0)
        return cluster

    def connect(self, host, writer, *others, now=0.0, is_fresh=True):
        """Connect to `host` and land on `writer`, which is one and lists `others`, too."""
        answer = Answer(writer, Role.WRITER, "1", View((writer, *others), writer))
        return self.place(
            self.endpoint(host),
            SYSTEM,
            now,
            answer,
            source=AuroraPostgreSQL(),
            view=True,
            is_fresh=is_fresh,
        )
