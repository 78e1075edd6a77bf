"""Names that lead to the instances themselves, and follow a failover late, or by turns."""

import contextlib
import os
import socket
import subprocess
import sys

import pytest

from aurora_otel.lab import Cluster, Failover, resolving
from aurora_otel.lab.addresses import Addresses
from aurora_otel.lab.dns import Names
from aurora_otel.lab.membership import Topology
from aurora_otel.lab.records import Records
from tests.support.moving_names import hosts_file
from tests.support.waiting import eventually

PRIVATE = "db.example.com"
FROZEN = float("inf")
# Resolves each name that it reads, in C.
RESOLVES = """
import socket, sys
for name in sys.stdin:
    print(socket.gethostbyname(name.strip()), flush=True)
"""


def looked_up(name):
    """Return the address of `name`, as a driver that is written in Python finds it."""
    ((*_, (address, _)),) = socket.getaddrinfo(name, 5432, type=socket.SOCK_STREAM)
    return address


def test_a_name_that_flaps_leads_to_both_instances_by_turns_until_it_has_followed():
    names = Names(10.0, ())
    names.publish(Topology("a", ("b",)), 0.0)
    names.publish(Topology("b", ("a",)), 100.0)
    names.flap = 2.0
    seen = [names.resolve("writer", 100.0 + second) for second in range(12)]
    assert seen == ["a", "a", "b", "b", "a", "a", "b", "b", "a", "a", "b", "b"]
    names.flap = 0.0
    assert names.resolve("writer", 103.0) == "a"


def test_records_lead_to_the_instances_whatever_a_name_is_called():
    names = Names(0.0, ("two",))
    names.publish(Topology("one", ("two",)), 0.0)
    places = Addresses("lab", ["one", "two"], "example.com")
    records = Records(places, names, {PRIVATE: "writer"})
    assert len(records) == len([*records]) == 6
    assert records[PRIVATE] == records[places.host("writer")] == places.ip("one")
    for place in ("reader", "custom", "two"):
        assert records[places.host(place)] == places.ip("two")
    with pytest.raises(KeyError):
        records["another.example.com"]
    with pytest.raises(ValueError, match="target must be one of"):
        Records(places, names, {PRIVATE: "nowhere"})


@pytest.mark.parametrize("argument", ["dns_lag", "dns_flap"])
def test_a_time_that_is_none_is_a_clear_error(argument):
    with pytest.raises(ValueError, match=f"{argument} must be seconds, 0 or more; got -1"):
        setattr(Cluster(), argument, -1)


def test_a_name_follows_a_failover_when_it_is_allowed_to(cluster):
    name, old = cluster.host("writer"), cluster.writer
    with resolving(cluster.records({PRIVATE: "writer"})):
        assert looked_up(name) == cluster.address(old)[0]
        cluster.dns_lag = FROZEN
        new = cluster.failover(Failover.SWITCHOVER).new_writer
        assert looked_up(name) == looked_up(PRIVATE) == cluster.address(old)[0]
        assert looked_up(cluster.host(new)) == cluster.address(new)[0]
        cluster.dns_flap = 0.01
        for instance in (old, new, old):
            eventually(lambda instance=instance: looked_up(name) == cluster.address(instance)[0])
        cluster.dns_lag = cluster.dns_flap = 0.0
        assert looked_up(name) == looked_up(PRIVATE) == cluster.address(new)[0]
        socket.create_connection((PRIVATE, cluster.address("writer")[1])).close()


def test_what_resolves_in_c_follows_as_well(cluster, tmp_path):
    name, old = cluster.host("writer"), cluster.writer
    cluster.dns_lag = FROZEN
    with contextlib.ExitStack() as ending:
        environment = ending.enter_context(hosts_file(cluster.records(), tmp_path / "hosts"))
        process = subprocess.Popen(
            [sys.executable, "-c", RESOLVES],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        ending.callback(process.communicate)

        def resolved():
            process.stdin.write(f"{name}\n")
            process.stdin.flush()
            address = process.stdout.readline().strip()
            assert address, process.communicate()[1]
            return address

        assert resolved() == cluster.address(old)[0]
        new = cluster.failover(Failover.SWITCHOVER).new_writer
        assert resolved() == cluster.address(old)[0]
        cluster.dns_lag = 0.0
        eventually(lambda: resolved() == cluster.address(new)[0])
