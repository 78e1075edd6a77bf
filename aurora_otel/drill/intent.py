"""What the drill is about to do, and whether the cluster is fit for it."""

from __future__ import annotations

from dataclasses import dataclass

from aurora_otel.discovery.rds.answers import ApiError, ClusterDescription
from aurora_otel.discovery.rds.api import RdsApi
from aurora_otel.doctor.api import words
from aurora_otel.drill.engines import ENGINES, Engine
from aurora_otel.drill.errors import RefusedError

AVAILABLE = "available"
_READ_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Intent:
    """A failover that may be asked for.

    Attributes:
        api: of the cluster's region; it asks once, and waits for the answer.
        cluster: what the API says of it.
        writer: the writer now.
        target: the reader that is to become the writer; `None`: RDS chooses.
    """

    api: RdsApi
    cluster: ClusterDescription
    writer: str
    target: str | None

    @property
    def engine(self) -> Engine:
        """What the workload has to know of the cluster's engine."""
        return ENGINES[self.cluster.engine]

    @property
    def readers(self) -> tuple[str, ...]:
        """The cluster's readers."""
        return tuple(name for name in self.cluster.members if name != self.writer)


def intend(identifier: str, target: str | None, region: str | None) -> Intent:
    """Check whether a cluster can be failed over.

    Args:
        identifier: the cluster's.
        target: the instance that is to become the writer, if that was said.
        region: the cluster's, if it is not that of the AWS configuration.

    Raises:
        RefusedError: it cannot.
    """
    # To ask twice could mean to fail over twice.
    api = RdsApi(region, read_timeout=_READ_SECONDS, attempts=1)
    try:
        cluster = api.cluster(identifier)
    except ApiError as error:
        reason, remedy = words(error)
        raise RefusedError(
            f"The RDS API says nothing about cluster {identifier}: {reason}. {remedy}"
        ) from None
    if cluster.status != AVAILABLE:
        raise RefusedError(
            f"Cluster {identifier} is {cluster.status or 'in no known state'}, not {AVAILABLE}:"
            " wait until it is."
        )
    if cluster.engine not in ENGINES:
        raise RefusedError(
            f"Cluster {identifier} runs {cluster.engine}; the drill's workload speaks to"
            f" {', '.join(ENGINES)} alone."
        )
    if cluster.writer is None:
        raise RefusedError(f"The RDS API names no writer of cluster {identifier}.")
    intent = Intent(api, cluster, cluster.writer, target)
    if not intent.readers:
        raise RefusedError(
            f"Cluster {identifier} has no reader: a failover would make it unavailable for"
            " minutes. Add a reader first."
        )
    if target is not None and target not in intent.readers:
        raise RefusedError(
            f"{target} is no reader of cluster {identifier}; its readers are"
            f" {', '.join(intent.readers)}."
        )
    return intent
