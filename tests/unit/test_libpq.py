"""Which connects of libpq's are by one host's name."""

from __future__ import annotations

import pytest

from aurora_otel.drivers.common.libpq import is_led_elsewhere, may_name_a_service, named_host
from aurora_otel.model.endpoints import Address

NAMED = {"host": "db.example.com", "port": "6000"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("PGHOST", "PGPORT", "PGHOSTADDR", "PGSERVICE", "PGTARGETSESSIONATTRS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (NAMED, Address("db.example.com", 6000)),
        ({"host": "db.example.com"}, Address("db.example.com", 5432)),
        ({**NAMED, "target_session_attrs": "read-write"}, Address("db.example.com", 6000)),
        ({**NAMED, "target_session_attrs": "prefer-standby"}, None),
        ({**NAMED, "hostaddr": "10.0.0.1"}, None),
        ({**NAMED, "service": "orders"}, None),
        ({"host": "a.example.com,b.example.com"}, None),
        ({"host": "/var/run/postgresql"}, None),
        ({"host": "@abstract"}, None),
        ({}, None),
    ],
)
def test_a_host_counts_where_it_is_one_and_alone(parameters, expected):
    assert named_host(parameters) == expected


def test_the_environments_host_and_port_count_too(monkeypatch):
    monkeypatch.setenv("PGHOST", "db.example.com")
    monkeypatch.setenv("PGPORT", "6000")
    assert named_host({}) == Address("db.example.com", 6000)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PGHOSTADDR", "10.0.0.1", True),
        ("PGSERVICE", "orders", True),
        ("PGTARGETSESSIONATTRS", "standby", True),
        ("PGTARGETSESSIONATTRS", "primary", False),
        ("PGHOST", "db.example.com", False),
    ],
)
def test_the_environment_may_lead_connects_elsewhere(monkeypatch, name, value, expected):
    assert not is_led_elsewhere()
    monkeypatch.setenv(name, value)
    assert is_led_elsewhere() is expected


@pytest.mark.parametrize(
    ("connection_string", "service", "expected"),
    [
        ("host=db.example.com", None, False),
        ("service=orders", None, True),
        ("host=db.example.com", "orders", True),
    ],
)
def test_what_a_services_file_may_have_a_part_in_is_recognised(
    connection_string, service, expected, monkeypatch
):
    monkeypatch.delenv("PGSERVICE", raising=False)
    if service:
        monkeypatch.setenv("PGSERVICE", service)
    assert may_name_a_service(connection_string) is expected
