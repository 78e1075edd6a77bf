"""What the name itself says, where a name server of the lab does not."""

from __future__ import annotations

import socket

import pytest

from aurora_otel.doctor.findings import Level
from aurora_otel.doctor.network import Names, describe, meaning
from aurora_otel.doctor.network import names as of_name
from aurora_otel.doctor.target import Target
from aurora_otel.model.endpoints import EndpointMap

HASH = "c0ffee123456.eu-west-1.rds.amazonaws.com"
PRIVATE = EndpointMap().classify("db.example.com", 5432)


def names(*aliases):
    return Names(aliases, ("10.0.0.1",))


def test_a_private_name_of_a_writer_endpoint_is_to_be_listed():
    found = meaning(PRIVATE, names(f"orders.cluster-{HASH}", f"orders-1.{HASH}"))
    assert found is not None
    assert found.remedy == "Set AURORA_OTEL_WRITER_ENDPOINTS=db.example.com."


def test_any_other_private_name_is_not():
    assert meaning(PRIVATE, names(f"orders.cluster-ro-{HASH}", f"orders-1.{HASH}")) is None
    assert meaning(PRIVATE, names()) is None
    listed = EndpointMap(writers=frozenset([PRIVATE.address])).classify(*PRIVATE.address)
    assert meaning(listed, names(f"orders.cluster-{HASH}")) is None


def test_a_proxy_is_no_endpoint_for_a_clean_up():
    proxy = EndpointMap().classify(f"orders.proxy-{HASH}", 5432)
    assert describe(proxy).level is Level.WARNING


def test_a_connection_string_without_a_host_leads_to_this_host():
    assert describe(EndpointMap().classify("", 5432)).what.endswith("a server on this host")


@pytest.mark.parametrize(
    ("errno", "remedy"), [(socket.EAI_AGAIN, "/etc/resolv.conf"), (socket.EAI_NONAME, "spelling")]
)
def test_a_silent_name_server_is_distinguished_from_a_name_that_it_does_not_know(
    monkeypatch, errno, remedy
):
    def getaddrinfo(*_, **__):
        raise socket.gaierror(errno, "")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    ((finding,), found) = of_name(Target("db.example.com", 5432))
    assert remedy in finding.remedy
    assert found is None


def test_an_endpoint_of_rds_is_called_what_it_is():
    for kind, words in {
        "orders.cluster-": "writer endpoint of cluster orders",
        "orders.cluster-ro-": "reader endpoint of cluster orders",
        "orders-1.": "endpoint of instance orders-1",
    }.items():
        assert words in describe(EndpointMap().classify(kind + HASH, 5432)).what
