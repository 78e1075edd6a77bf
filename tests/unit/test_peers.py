import pytest

from aurora_otel.model.endpoints import Address
from aurora_otel.model.peers import Peers

HERE = Address("10.0.0.1", 5432)
TUNNEL = Address("127.0.0.1", 6001)


def found(*answers):
    peers = Peers()
    for instance, peer, is_own in answers:
        peers.note(instance, peer, is_own=is_own)
    return peers.found


def test_an_address_is_that_of_the_instance_that_answers_there_by_its_own_name():
    assert found(("a", HERE, True)) == {HERE: "a"}
    assert found(("a", HERE, False), ("a", HERE, True)) == {HERE: "a"}
    assert found(("a", HERE, True), ("a", HERE, False)) == {HERE: "a"}


def test_an_address_at_which_an_instance_answered_by_another_host_may_be_a_gateways():
    assert found(("a", HERE, False)) == {HERE: None}


@pytest.mark.parametrize("first_is_own", [True, False])
@pytest.mark.parametrize("second_is_own", [True, False])
def test_an_address_at_which_two_instances_answered_is_a_gateways(first_is_own, second_is_own):
    assert found(("a", HERE, first_is_own), ("b", HERE, second_is_own)) == {HERE: None}


def test_what_a_tunnel_on_this_host_leads_to_says_nothing():
    assert found(("a", TUNNEL, False), ("b", None, True)) == {}
