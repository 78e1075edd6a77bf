"""What the names of Kubernetes services say, as the operators of databases give them.

CloudNativePG's end in `-rw`, `-ro` and `-r`, Crunchy's, StackGres's and mariadb-operator's in
`-primary` and `-replicas` or `-secondary`, Zalando's in `-repl`. Pure.
"""

from __future__ import annotations

from aurora_otel.model.endpoints import Endpoint, EndpointType

_WRITER = ("-primary", "-rw")
_READER = ("-r", "-read", "-readonly", "-repl", "-replica", "-replicas", "-ro", "-secondary")


def explained(endpoint: Endpoint) -> Endpoint:
    """Return `endpoint` with the type that the name of a service gives, if nothing else gives one.

    Args:
        endpoint: of a cluster of servers whose names are not RDS's.
    """
    if endpoint.type is not EndpointType.OTHER:
        return endpoint
    service = endpoint.address.host.partition(".")[0]
    if service.endswith(_WRITER):
        return endpoint._replace(type=EndpointType.WRITER)
    if service.endswith(_READER):
        return endpoint._replace(type=EndpointType.READER)
    return endpoint
