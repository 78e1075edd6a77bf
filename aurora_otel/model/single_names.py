"""Names behind each of which is one server at a time, whose address changes with a failover.

RDS's endpoint of an instance, Azure's of a server and of its writer, and Cloud SQL's. Pure.
"""

from __future__ import annotations

import re

from aurora_otel.model.endpoints import Endpoint, EndpointType, parse

# https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-read-replicas-virtual-endpoints
_AZURE = re.compile(
    r"[a-z0-9-]+(?:\.(?!reader\.)[a-z0-9-]+)?\.(?:postgres|mysql)\.database\."
    r"(?:azure\.com|chinacloudapi\.cn|usgovcloudapi\.net)"
)
# https://cloud.google.com/sql/docs/postgres/connect-to-instance-using-write-endpoint
_CLOUD_SQL = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+\.sql(?:-psa)?\.goog")


def is_single(host: str, port: int) -> bool:
    """Return whether the name `host` (normalised) itself says that one server at a time is there.

    The endpoint of an RDS instance may be that of an Aurora's, which is recognised as such.
    """
    if parse(host, port).type is EndpointType.INSTANCE:
        return True
    return bool(_AZURE.fullmatch(host) or _CLOUD_SQL.fullmatch(host))


def explained(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint of a server that is called by its address: no name of it says which."""
    is_instance = endpoint.type is EndpointType.INSTANCE
    kind = EndpointType.OTHER if is_instance else endpoint.type
    return endpoint._replace(type=kind, name=None, domain=None)
