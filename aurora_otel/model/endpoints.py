"""Host names: what an application's endpoint says about the cluster and instance behind it.

Pure: a name goes in, an `Endpoint` comes out; nothing is resolved and nothing raises.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

# So many names are kept with what they say: every connect asks.
_MOST_PARSED = 1024


class EndpointType(str, Enum):
    """How an application connected."""

    WRITER = "writer"
    READER = "reader"
    CUSTOM = "custom"
    INSTANCE = "instance"
    PROXY = "proxy"
    OTHER = "other"


class Address(NamedTuple):
    """A host name or IP address, and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Endpoint(NamedTuple):
    """One endpoint, as far as its name says.

    Attributes:
        address: the normalised host (lower case, no trailing dot) and the port.
        type: what kind of endpoint it is.
        name: the identifier in the name: of the cluster for a writer or reader endpoint, of the
            instance for an instance endpoint, of the endpoint or proxy itself otherwise.
        domain: what follows the identifier in the names of the instances beside it. It is shared
            by all clusters of an account in a region; an instance identifier is unique in it.
    """

    address: Address
    type: EndpointType = EndpointType.OTHER
    name: str | None = None
    domain: str | None = None

    @property
    def instance(self) -> str | None:
        """The instance that the name itself gives, if it is an instance endpoint."""
        return self.name if self.type is EndpointType.INSTANCE else None

    @property
    def cluster(self) -> str | None:
        """The cluster that the name itself gives, as `<identifier>.<domain>`."""
        if self.type in (EndpointType.WRITER, EndpointType.READER) and self.domain:
            return f"{self.name}.{self.domain}"
        return None


# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Endpoints.html, and the
# suffixes of the partitions in botocore's partitions.json. AWS's own drivers know `rds-fips` and
# the suffixes `au` and `uk`, too.
_REGION = r"[a-z]{2,4}(?:-[a-z]+)+-\d+"
_SUFFIX = (
    rf"(?:{_REGION}\.rds(?:-fips)?|rds(?:-fips)?\.{_REGION})\."
    r"(?:amazonaws\.(?:com(?:\.cn)?|au|eu|uk)"
    r"|c2s\.ic\.gov|csp\.hci\.ic\.gov|sc2s\.sgov\.gov|cloud\.adc-e\.uk)"
)
_RDS = re.compile(
    r"(?P<name>[a-z0-9-]+)\."
    r"(?:[a-z0-9-]+\.(?=proxy-))?"  # a proxy's own endpoints: <name>.endpoint.proxy-<hash>
    r"(?:(?P<kind>cluster-ro|cluster-custom|cluster|proxy|shardgrp)-)?"
    rf"(?P<domain>[a-z0-9]+\.{_SUFFIX})",
)
_GLOBAL = re.compile(r"(?P<name>[a-z0-9-]+)\.global-[a-z0-9]+\.global\.rds\.amazonaws\.com")
# Any endpoint of Aurora DSQL accepts writes, by whatever serves it
# (https://docs.aws.amazon.com/aurora-dsql/latest/userguide/what-is-aurora-dsql.html).
_DSQL = re.compile(rf"(?P<name>[a-z0-9]+)\.dsql(?:-[a-z0-9]+)?\.{_REGION}\.on\.aws")
_TYPES = {
    None: EndpointType.INSTANCE,
    "cluster": EndpointType.WRITER,
    "cluster-ro": EndpointType.READER,
    "cluster-custom": EndpointType.CUSTOM,
    "proxy": EndpointType.PROXY,
    # A Limitless shard group routes each statement by itself, as a proxy does.
    "shardgrp": EndpointType.PROXY,
}


def region(domain: str | None) -> str | None:
    """Return the AWS region that an RDS domain names."""
    found = re.search(rf"\.({_REGION})\.", domain or "")
    return found[1] if found else None


def normalise(host: str) -> str:
    """Return `host` in the one spelling that is compared: lower case, no trailing dot."""
    return host.strip().lower().removesuffix(".")


@functools.lru_cache(_MOST_PARSED)
def parse(host: str, port: int) -> Endpoint:
    """Return what the name `host` says; a name that is not RDS's is of type `OTHER`.

    Args:
        host: a host name, IP address or socket directory, in any spelling.
        port: the TCP port.
    """
    host = normalise(host)
    address = Address(host, port)
    if found := _RDS.fullmatch(host):
        return Endpoint(address, _TYPES[found["kind"]], found["name"], found["domain"])
    if found := _GLOBAL.fullmatch(host):
        return Endpoint(address, EndpointType.WRITER, found["name"])
    if found := _DSQL.fullmatch(host):
        return Endpoint(address, EndpointType.PROXY, found["name"])
    return Endpoint(address)


class HostTemplate(NamedTuple):
    """How a custom domain names its instances: `?.db.example.com:5432`.

    Attributes:
        pattern: the host name, with one `?` where the instance identifier stands.
        port: the port of every instance, or `None` for that of the application's connection.
    """

    pattern: str
    port: int | None = None

    def address(self, instance: str, port: int) -> Address:
        """Return where `instance` is reached; `port` counts where the template has none."""
        return Address(self.pattern.replace("?", instance), self.port or port)

    def instance(self, host: str) -> str | None:
        """Return the instance that `host` (normalised) names, if it fits the template."""
        before, _, after = self.pattern.partition("?")
        name = host.removeprefix(before).removesuffix(after)
        if host == f"{before}{name}{after}" and re.fullmatch(r"[a-z][a-z0-9-]*", name):
            return name
        return None


@dataclass(frozen=True, slots=True)
class EndpointMap:
    """The names that the settings explain, on top of what `parse` knows.

    Attributes:
        instances: addresses by instance identifier, or by the instance's whole RDS name, which
            gives its region and account, too (`INSTANCE_ENDPOINTS`).
        template: how a custom domain names its instances (`INSTANCE_HOST_TEMPLATE`).
        writers: hosts that mean the writer (`WRITER_ENDPOINTS`); a port of 0 means any.
    """

    instances: Mapping[str, Address] = field(default_factory=dict)
    template: HostTemplate | None = None
    writers: frozenset[Address] = frozenset()

    def classify(self, host: str, port: int) -> Endpoint:
        """Return the endpoint that `host` and `port` are, settings first."""
        endpoint = parse(host, port)
        address = endpoint.address
        for instance, known in self.instances.items():
            if known == address:
                name, _, explained = instance.partition(".")
                return Endpoint(address, EndpointType.INSTANCE, name, explained or None)
        if address in self.writers or Address(address.host, 0) in self.writers:
            return Endpoint(address, EndpointType.WRITER, endpoint.name, endpoint.domain)
        if self.template and (instance_name := self.template.instance(address.host)):
            return Endpoint(address, EndpointType.INSTANCE, instance_name)
        return endpoint

    def address(self, instance: str, domain: str | None, port: int) -> Address | None:
        """Return where `instance` is reached, or `None` where that cannot be known.

        Args:
            instance: the instance's identifier.
            domain: the RDS domain of its cluster, if it is known.
            port: the port of the application's own connections.
        """
        if known := self._listed(instance, domain):
            return known
        if ":" in instance:
            # It is called by its address, and under no domain.
            return None
        if self.template:
            return self.template.address(instance, port)
        if domain:
            return Address(f"{instance}.{domain}", port)
        return None

    def namespace(self, instance: str, domain: str | None) -> str | None:
        """Return the scope in which the identifier `instance` is unique, or `None`.

        Two connections are known to belong to one cluster by an instance of the same identifier
        in the same scope. Names that are neither RDS's nor explained by a setting have none. A
        setting explains nothing where the host's own RDS name gives the scope.
        """
        if domain:
            return domain
        if instance in self.instances:
            return "settings"
        if len(domains := self._domains(instance)) == 1:
            return domains[0]
        return self.template.pattern if self.template else None

    def is_explained_by_bare_name(self, instance: str, domain: str) -> bool:
        """Return whether `address` goes by a setting that says nothing of the instance's domain."""
        if f"{instance}.{domain}" in self.instances:
            return False
        return instance in self.instances or self.template is not None

    @property
    def of_whole_names(self) -> EndpointMap:
        """Only what is listed by its whole RDS name, which cannot mean another instance."""
        return EndpointMap({name: where for name, where in self.instances.items() if "." in name})

    def _listed(self, instance: str, domain: str | None) -> Address | None:
        if domain is None and len(domains := self._domains(instance)) == 1:
            domain = domains[0]
        whole = self.instances.get(f"{instance}.{domain}") if domain else None
        return whole or self.instances.get(instance)

    def _domains(self, instance: str) -> list[str]:
        """Return the RDS domains in which the settings list `instance`."""
        before = f"{instance}."
        return [name.removeprefix(before) for name in self.instances if name.startswith(before)]
