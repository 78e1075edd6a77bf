"""What can be said of an endpoint without a login: its name, its addresses, its port."""

from __future__ import annotations

import socket
import time
from typing import Any, NamedTuple

from aurora_otel.doctor.findings import Finding, Findings, failure, ok, warning
from aurora_otel.doctor.patience import within
from aurora_otel.doctor.target import Target
from aurora_otel.model.endpoints import Address, Endpoint, EndpointType, normalise, parse

SECONDS = 5.0
"""How long a name server, and a handshake, may take."""

_KINDS = {
    EndpointType.WRITER: "the writer endpoint of cluster {name}",
    EndpointType.READER: "the reader endpoint of cluster {name}",
    EndpointType.CUSTOM: "the custom endpoint {name}",
    EndpointType.INSTANCE: "the endpoint of instance {name}",
}


class Names(NamedTuple):
    """What a name leads to.

    Attributes:
        aliases: the other names on the way, the canonical one among them.
        addresses: IP addresses.
    """

    aliases: tuple[str, ...]
    addresses: tuple[str, ...]


def describe(endpoint: Endpoint) -> Finding:
    """Report what the endpoint's name, or a setting, says about it."""
    check, host = "endpoint", endpoint.address.host
    if not host:
        return ok(check, "without a host, the connection string leads to a server on this host")
    if endpoint.type is EndpointType.PROXY:
        return warning(
            check,
            f"{host} is a proxy: its connections are counted, but belong to no instance, and are"
            " never closed",
            "For the clean-up connect to the cluster's writer endpoint; the proxy does its own.",
        )
    if endpoint.type is EndpointType.OTHER:
        return ok(check, f"{host} is not one of RDS's own names")
    kind = _KINDS[endpoint.type].format(name=endpoint.name or "(a private name)")
    return ok(check, f"{host} is {kind}")


def resolve(host: str) -> Names:
    """Resolve a name within `SECONDS`.

    Raises:
        OSError: it does not resolve, or not in time.
    """
    try:
        return within(SECONDS, lambda: _names(host))
    except UnicodeError:
        raise OSError("no host name") from None


def _names(host: str) -> Names:
    rows: list[Any] = socket.getaddrinfo(
        host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME
    )
    names = {row[3] for row in rows if row[3]}
    try:
        # The names between: getaddrinfo returns the last one alone, and this IPv4's alone.
        canonical, between, _ = socket.gethostbyname_ex(host)
        names |= {canonical, *between}
    except OSError:
        pass
    aliases = {normalise(name) for name in names} - {normalise(host)}
    return Names(tuple(sorted(aliases)), tuple(dict.fromkeys(str(row[4][0]) for row in rows)))


def names(target: Target) -> tuple[list[Finding], Names | None]:
    """Report what the target's name leads to, and return it, if it leads anywhere."""
    if target.address:
        text = f"the connection string gives the address {target.address} for {target.host}"
        return [ok("endpoint.name", text)], Names((), (target.address,))
    try:
        found = resolve(target.host)
    except TimeoutError:
        return [
            failure(
                "endpoint.name",
                f"this host's name server does not say within {SECONDS:g} s where {target.host} is",
                "Check /etc/resolv.conf, and the route to the name servers that it lists.",
            )
        ], None
    except OSError as error:
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            return [
                failure(
                    "endpoint.name",
                    f"no name server answers where {target.host} is",
                    "Check /etc/resolv.conf, whether this host reaches the name servers that it"
                    " lists, and in a container its network.",
                )
            ], None
        return [
            failure(
                "endpoint.name",
                f"this host's name server does not know {target.host}",
                "Check the spelling of the name; inside a VPC, check its private DNS.",
            )
        ], None
    if target.host in found.addresses:
        return [], found
    led = " and ".join(found.addresses)
    by = f" by {', '.join(found.aliases)}" if found.aliases else ""
    return [ok("endpoint.name", f"{target.host} leads to {led}{by}")], found


def meaning(endpoint: Endpoint, found: Names) -> Finding | None:
    """Report what a private name stands for, if the names on the way show it."""
    if endpoint.type is not EndpointType.OTHER:
        return None
    known = [parse(alias, endpoint.address.port) for alias in found.aliases]
    if any(each.type is EndpointType.WRITER for each in known):
        return warning(
            "endpoint.private",
            f"{endpoint.address.host} is a private name of a writer endpoint, and no setting says"
            " so: connections that land on a reader by it are not noticed",
            f"Set AURORA_OTEL_WRITER_ENDPOINTS={endpoint.address.host}.",
        )
    return None


def port(target: Target, found: Names) -> Finding:
    """Report whether the port accepts connections."""
    where = Address(target.host, target.port)
    error: OSError | None = None
    for address in found.addresses:
        began = time.monotonic()
        try:
            socket.create_connection((address, target.port), SECONDS).close()
        except OSError as failed:
            error = failed
            continue
        return ok("endpoint.port", f"{where} is open ({_milliseconds(began)})")
    if isinstance(error, ConnectionRefusedError):
        return failure(
            "endpoint.port",
            f"nothing listens at {where}",
            "Check the port; if it is right, the server is not running.",
        )
    return failure(
        "endpoint.port",
        f"{where} cannot be reached ({type(error).__name__})",
        "Let security groups, network ACLs and routes pass this host to that port.",
    )


def findings(target: Target, endpoint: Endpoint) -> Findings:
    """Check all of it; end with a failure where going on makes no sense."""
    yield describe(endpoint)
    if target.several:
        yield warning(
            "endpoint.several",
            "the connection string has several hosts; the doctor checks the first one alone",
            "Run it again for each of them, with --host.",
        )
    if target.is_local:
        return
    findings, found = names(target)
    yield from findings
    if found is None:
        return
    if private := meaning(endpoint, found):
        yield private
    yield port(target, found)


def _milliseconds(began: float) -> str:
    return f"{(time.monotonic() - began) * 1000:.1f} ms"
