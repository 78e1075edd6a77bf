from aurora_otel.model.endpoints import Address
from aurora_otel.tracking.direct_hosts import _MOST, DirectHosts

HOST = Address("db.example.com", 5432)


def test_a_host_is_direct_until_it_leads_through_something_else():
    hosts = DirectHosts()
    assert HOST not in hosts
    for is_direct in (True, True, False, False, True):
        hosts.note(HOST, is_direct=is_direct)
        assert (HOST in hosts) is is_direct


def test_so_many_hosts_are_remembered_and_no_more():
    hosts = DirectHosts()
    named = [Address(f"db-{number}.example.com", 5432) for number in range(_MOST + 1)]
    for each in named:
        hosts.note(each, is_direct=True)
    assert [each for each in named if each not in hosts] == named[-1:]
