"""Which host asyncpg is led to: as asyncpg itself reads what it is given."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import asyncpg
import pytest

from aurora_otel.drivers.asyncpg.connects import StraightLoop, named_host
from aurora_otel.model.endpoints import Address

ONE = Address("db.example.com", 6000)
OTHER = Address("other.example.com", 5432)
LOGIN = {"user": "app", "password": "x", "database": "orders"}
THERE = "postgresql://app@db.example.com:6000/orders"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("PGHOST", "PGPORT", "PGHOSTADDR", "PGSERVICE", "PGTARGETSESSIONATTRS"):
        monkeypatch.delenv(name, raising=False)


def attempts(*, address=None, **parameters):
    """Return where asyncpg connects to, and with which options."""
    made = []

    async def refuse(_factory, host, port, **options):
        made.append((Address(host, port), options))
        raise ConnectionRefusedError

    async def connect():
        loop = asyncio.get_running_loop()
        loop.create_connection = refuse
        loop = loop if address is None else StraightLoop(loop, address)
        with contextlib.suppress(OSError):
            await asyncpg.connect(**LOGIN, **parameters, loop=loop)

    asyncio.run(connect())
    return made


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"host": ONE.host, "port": ONE.port}, ONE),
        ({"host": OTHER.host}, OTHER),
        ({"dsn": THERE}, ONE),
        ({"dsn": "postgresql://app:p%40ss@other.example.com/orders"}, OTHER),
        ({"dsn": "postgresql://app@/orders?host=db.example.com&port=6000"}, ONE),
        ({"dsn": "postgresql://app@[::1]:6000/orders"}, Address("::1", 6000)),
        ({"dsn": "postgresql://app@[::1]/orders"}, Address("::1", 5432)),
        ({"dsn": THERE, "host": OTHER.host, "port": OTHER.port}, OTHER),
        ({"dsn": THERE, "host": OTHER.host}, OTHER),
        ({"dsn": THERE + "?host=other.example.com"}, ONE),
    ],
)
def test_one_host_is_named_as_asyncpg_reads_it(parameters, expected):
    assert named_host(parameters) == expected
    assert {at for at, _ in attempts(**parameters)} == {expected}


@pytest.mark.parametrize(
    "parameters",
    [
        {"host": ["db.example.com", "other.example.com"]},
        {"dsn": "postgresql://app@db.example.com,other.example.com/orders"},
    ],
)
def test_of_several_hosts_none_is_named(parameters):
    assert named_host(parameters) is None
    assert len({at for at, _ in attempts(**parameters)}) > 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"dsn": THERE, "target_session_attrs": "prefer-standby"},
        {"dsn": THERE + "?target_session_attrs=standby"},
        {"host": "/var/run/postgresql"},
        {"host": ONE.host, "service": "orders"},
    ],
)
def test_what_means_no_writer_or_leads_elsewhere_is_left_alone(parameters):
    assert named_host(parameters) is None


def test_a_writer_may_be_asked_for_by_asyncpgs_own_enumeration():
    wanted = asyncpg.connect_utils.SessionAttribute
    assert named_host({"dsn": THERE, "target_session_attrs": wanted.primary}) == ONE
    assert named_host({"dsn": THERE, "target_session_attrs": wanted.standby}) is None


@pytest.mark.parametrize("name", ["PGHOSTADDR", "PGSERVICE"])
def test_where_the_environment_leads_elsewhere_none_is_named(monkeypatch, name):
    monkeypatch.setenv(name, "10.0.0.1")
    assert named_host({"dsn": THERE}) is None


def test_a_connect_that_goes_straight_checks_the_certificate_of_the_name():
    straight = Address("10.0.0.1", ONE.port)
    tls = {"ssl": ssl.create_default_context(), "direct_tls": True}
    assert {at for at, _ in attempts(address=straight, dsn=THERE)} == {straight}
    ((at, options),) = attempts(address=straight, dsn=THERE, **tls)
    assert (at, options["server_hostname"]) == (straight, ONE.host)
