"""What the RDS API lets itself be asked: credentials, region, and each IAM action needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone

from aurora_otel.discovery.rds import clusters as rds_clusters
from aurora_otel.discovery.rds.answers import ApiError, ClusterDescription, Trouble
from aurora_otel.discovery.rds.api import Apis, RdsApi
from aurora_otel.doctor.findings import Finding, Findings, failure, ok, warning
from aurora_otel.model.endpoints import Endpoint
from aurora_otel.settings import RdsApiUse

CHECK = "rds_api"
_TROUBLES = {
    Trouble.NOT_INSTALLED: ("boto3 is not installed", "pip install boto3"),
    Trouble.NO_CREDENTIALS: (
        "there are no AWS credentials",
        "Give this process a role, with the policy of docs/permissions.md.",
    ),
    Trouble.BAD_CREDENTIALS: (
        "the AWS credentials are not, or no longer, valid",
        "Renew them; check AWS_PROFILE and the variables AWS_….",
    ),
    Trouble.NO_REGION: ("no AWS region is set", "Set AWS_REGION."),
    Trouble.DENIED: ("{action} is not allowed", "Allow {action} in the role's IAM policy."),
    Trouble.THROTTLED: (
        "the account's API calls are throttled",
        "Find out what calls it so often; the agent asks it less and less often then.",
    ),
    Trouble.NOT_FOUND: (
        "it does not know the cluster",
        "Check whether account and region of the credentials are those of the cluster.",
    ),
    Trouble.UNREACHABLE: (
        "it cannot be reached",
        "Let this host reach it, or create a VPC endpoint for RDS.",
    ),
    Trouble.FAILED: (
        "it gives no answer ({kind})",
        "Try 'aws rds describe-db-clusters' in the same environment.",
    ),
}


def describe(endpoint: Endpoint, members: Sequence[str]) -> tuple[RdsApi, ClusterDescription]:
    """Return the API that knows a cluster, and what it says.

    Args:
        endpoint: what the application connects to.
        members: the cluster's instances, as far as they are known.

    Raises:
        ApiError: it says nothing.
    """
    api, identifier = rds_clusters.find(Apis(), endpoint, endpoint.domain, members)
    return api, rds_clusters.describe(api, identifier, endpoint.domain)


def findings(api: RdsApi, cluster: ClusterDescription, writer: str | None) -> Findings:
    """Report what the API says, and ask it everything else that the agent may ask.

    Args:
        api: of the cluster's region.
        cluster: what it says.
        writer: the writer by the word of the instances, if it is known.
    """
    yield ok(
        CHECK,
        f"the RDS API in {cluster.region} knows the cluster {cluster.identifier}"
        f" ({cluster.engine} {cluster.engine_version}, {cluster.status}):"
        f" {', '.join(cluster.members)}",
    )
    yield _writer(cluster, writer)
    yield from _actions(api, cluster)


def _writer(cluster: ClusterDescription, writer: str | None) -> Finding:
    if writer is None or cluster.writer == writer:
        return ok("rds_api.writer", f"it says that {cluster.writer} is the writer")
    return warning(
        "rds_api.writer",
        f"it says that {cluster.writer} is the writer, and the instances say {writer}",
        "Run the doctor again in a minute: the API lags a failover. Believe the instances.",
    )


def _actions(api: RdsApi, cluster: ClusterDescription) -> Findings:
    """Try the actions that the agent needs beside `DescribeDBClusters`."""
    since = datetime.now(timezone.utc) - timedelta(minutes=1)
    uses: dict[str, Callable[[], object]] = {
        "finding the cluster of an instance": lambda: api.cluster_of_instance(cluster.members[0]),
        "custom endpoints": lambda: api.custom_endpoints(cluster),
        "events of failovers": lambda: api.failover_events(cluster.identifier, since),
    }
    for what, ask in uses.items():
        yield _action(what, ask)


def _action(what: str, ask: Callable[[], object]) -> Finding:
    try:
        ask()
    except ApiError as error:
        text, remedy = words(error)
        return warning("rds_api.action", f"{what} cannot be read: {text}", remedy)
    return ok("rds_api.action", f"{what} can be read")


def trouble(error: ApiError, use: RdsApiUse, *, sql: bool | None) -> Finding:
    """Report a trouble: it only matters where SQL does not do, or where the API is wanted.

    Args:
        error: what came instead of an answer.
        use: whether the API may be asked.
        sql: whether the topology can be read by SQL; `None` where no login worked.
    """
    text, remedy = words(error)
    if use is RdsApiUse.ON:
        return failure(
            CHECK, f"AURORA_OTEL_RDS_API=on, but the RDS API gives no answer: {text}", remedy
        )
    if sql is False:
        return warning(
            CHECK, f"SQL gives no topology, and neither does the RDS API: {text}", remedy
        )
    return ok(CHECK, f"the RDS API gives no answer ({text}); where SQL does, it is not needed")


def words(error: ApiError) -> tuple[str, str]:
    """Return what the trouble is, without its details, and what to do."""
    text, remedy = _TROUBLES[error.trouble]
    named = {"action": error.action, "kind": error.kind}
    return text.format(**named), remedy.format(**named)
