"""Which cluster of the RDS API is behind an endpoint?"""

from __future__ import annotations

from collections.abc import Iterable

from aurora_otel.discovery.dns import rds_endpoint
from aurora_otel.discovery.rds.answers import ApiError, ClusterDescription, Trouble
from aurora_otel.discovery.rds.api import Apis, RdsApi
from aurora_otel.model import endpoints
from aurora_otel.model.endpoints import Endpoint, EndpointType


def find(
    apis: Apis, endpoint: Endpoint, domain: str | None, members: Iterable[str]
) -> tuple[RdsApi, str]:
    """Return the API of a cluster's region, and the cluster's identifier there.

    Args:
        apis: of all regions.
        endpoint: how an application connected.
        domain: the RDS domain of the cluster, if it is known otherwise.
        members: instances of it, as far as they are known.

    Raises:
        ApiError: the API did not answer, or nothing shows which cluster it is.
    """
    named = endpoints.parse(*endpoint.address)
    if not named.domain:
        # A private name, a tunnel, or the endpoint of a global cluster.
        named = rds_endpoint(endpoint.address) or named
    api = apis.of(endpoints.region(named.domain or domain))
    if named.cluster and named.name:
        return api, named.name
    if named.type is EndpointType.CUSTOM and named.name:
        return api, api.cluster_of_custom_endpoint(named.name)
    for instance in (named.instance, endpoint.instance, *members):
        if instance:
            return api, api.cluster_of_instance(instance)
    raise ApiError(Trouble.NOT_FOUND, "rds:DescribeDBClusters", "UnknownCluster")


def describe(api: RdsApi, identifier: str, domain: str | None) -> ClusterDescription:
    """Return what the API says of a cluster.

    Args:
        api: of its region.
        identifier: its name.
        domain: its RDS domain, if that is known.

    Raises:
        ApiError: the API did not answer, or knows another account's cluster of this name.
    """
    found = api.cluster(identifier)
    writer = endpoints.parse(found.endpoint, found.port)
    reader = endpoints.parse(found.reader_endpoint, found.port)
    if domain and writer.domain and domain != writer.domain:
        raise ApiError(Trouble.NOT_FOUND, "rds:DescribeDBClusters", "AnotherAccount")
    # Its own endpoints' names alone: another cluster's would make one of the two.
    own = (found.identifier, writer.domain)
    return found._replace(
        endpoint=found.endpoint if _is(writer, EndpointType.WRITER, own) else "",
        reader_endpoint=found.reader_endpoint if _is(reader, EndpointType.READER, own) else "",
    )


def _is(endpoint: Endpoint, kind: EndpointType, own: tuple[str, str | None]) -> bool:
    return endpoint.type is kind and (endpoint.name, endpoint.domain) == own
