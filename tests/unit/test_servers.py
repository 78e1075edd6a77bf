import pytest

from aurora_otel.discovery.identify import Kind, Server
from aurora_otel.discovery.servers import (
    EXPIRY,
    FIRST_REST,
    LONGEST_REST,
    MOST_SERVERS,
    Question,
    Servers,
)
from aurora_otel.model.endpoints import Address

HERE = Address("db.example.com", 5432)
THERE = Address(HERE.host, 5433)
NOW = 100.0
PATIENCE = 0.05
INSTANCE = Server(Kind.INSTANCE)
PLAIN = Server(Kind.PLAIN)
POOLER = Server(Kind.POOLER)


@pytest.fixture
def servers():
    return Servers()


def test_an_instance_is_remembered(servers):
    servers.learn(HERE, INSTANCE, NOW)
    assert servers.get(HERE, 1e12) is INSTANCE
    assert servers.get(THERE, NOW) is None


@pytest.mark.parametrize("server", [PLAIN, POOLER])
def test_a_plain_server_and_a_pooler_are_forgotten_after_minutes(servers, server):
    servers.learn(HERE, server, NOW)
    assert servers.get(HERE, NOW + EXPIRY - 0.1).kind is server.kind
    assert not servers.may_ask(HERE, NOW + EXPIRY - 0.1)
    assert servers.get(HERE, NOW + EXPIRY) is None
    assert servers.may_ask(HERE, NOW + EXPIRY)


def test_a_plain_server_that_refuses_a_write_is_asked_once_more(servers):
    servers.learn(HERE, PLAIN, NOW)
    servers.doubt(HERE, NOW + 1)
    assert servers.may_ask(HERE, NOW + 1)
    servers.learn(HERE, PLAIN, NOW + 1)
    servers.doubt(HERE, NOW + EXPIRY)
    assert not servers.may_ask(HERE, NOW + EXPIRY)
    servers.doubt(HERE, NOW + 1 + EXPIRY)
    assert servers.may_ask(HERE, NOW + 1 + EXPIRY)


@pytest.mark.parametrize("known", [INSTANCE, POOLER, Server(Kind.REFUSING, until=1e9)])
def test_any_other_that_refuses_a_write_is_what_it_was(servers, known):
    servers.doubt(HERE, NOW)
    servers.learn(HERE, known, NOW)
    servers.doubt(HERE, NOW)
    assert servers.get(HERE, NOW).kind is known.kind


def test_what_expires_by_itself_does_so_at_its_own_time(servers):
    refusing = Server(Kind.REFUSING, until=NOW + 60)
    servers.learn(HERE, refusing, NOW)
    assert servers.get(HERE, NOW + 59.9) is refusing
    assert servers.get(HERE, NOW + 60) is None


@pytest.mark.parametrize("other", [INSTANCE, PLAIN, Server(Kind.REFUSING, until=1e9)])
def test_a_pooler_stays_one_whatever_a_server_behind_it_says(servers, other):
    servers.learn(HERE, POOLER, NOW)
    servers.learn(HERE, other, NOW + 1)
    assert servers.get(HERE, NOW + 2).kind is Kind.POOLER
    servers.learn(HERE, other, NOW + EXPIRY)
    assert servers.get(HERE, NOW + EXPIRY).kind is other.kind


def asks(servers, now, address=HERE):
    """Return a question that the server is asked now; `None` if it is left alone."""
    question = Question(now)
    return question if servers.admits(address, question, PATIENCE) else None


def test_a_slow_server_is_left_alone_for_longer_each_time_up_to_a_minute(servers):
    now, rests = NOW, []
    for _ in range(9):
        servers.back_off(HERE, now)
        began = now
        while (question := asks(servers, now)) is None:
            assert not servers.may_ask(HERE, now)
            now += 0.5
        rests.append(now - began)
        question.is_over = True
    assert rests[:4] == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST, 8 * FIRST_REST]
    assert rests[-2:] == [LONGEST_REST, LONGEST_REST]


def test_an_answer_in_time_ends_the_back_off(servers):
    for now in (NOW, NOW + 10, NOW + 20):
        servers.back_off(HERE, now)
    servers.answered(HERE)
    servers.back_off(HERE, NOW + 100)
    assert asks(servers, NOW + 100 + FIRST_REST - 0.1) is None
    assert asks(servers, NOW + 100 + FIRST_REST) is not None


def test_several_connections_that_meet_one_silence_count_it_once(servers):
    for _ in range(10):
        servers.back_off(HERE, NOW)
    assert asks(servers, NOW + FIRST_REST) is not None


def test_a_connection_in_use_that_stays_usable_without_an_answer_is_asked_after_the_rest(servers):
    servers.back_off(HERE, NOW)
    assert not servers.may_ask(HERE, NOW + FIRST_REST - 0.1, is_kept=True)
    assert servers.may_ask(HERE, NOW + FIRST_REST, is_kept=True)


def test_an_answer_of_a_server_that_is_not_known_changes_nothing(servers):
    servers.answered(HERE)
    assert servers.get(HERE, NOW) is None
    assert servers.may_ask(HERE, NOW)


def test_a_connection_in_use_is_asked_only_after_a_new_one_was_answered_in_time(servers):
    servers.back_off(HERE, NOW)
    assert not servers.may_ask(HERE, NOW + FIRST_REST)
    servers.answered(HERE)
    assert servers.may_ask(HERE, NOW + FIRST_REST)


def test_while_a_question_is_unanswered_for_long_no_other_connection_is_asked(servers):
    first = asks(servers, NOW)
    second = asks(servers, NOW + PATIENCE)
    assert first
    assert second
    assert not asks(servers, NOW + 2 * PATIENCE)
    assert asks(servers, NOW + 2 * PATIENCE, THERE)
    second.is_over = True
    assert not asks(servers, NOW + 2 * PATIENCE)
    first.is_over = True
    assert asks(servers, NOW + 2 * PATIENCE)


def test_a_server_that_was_slow_is_asked_by_one_connection_at_a_time(servers):
    servers.back_off(HERE, NOW)
    question = asks(servers, NOW + FIRST_REST)
    assert not asks(servers, NOW + FIRST_REST)
    servers.answered(HERE)
    question.is_over = True
    assert asks(servers, NOW + FIRST_REST)


def test_a_plain_server_is_asked_again_once_a_member_is_said_to_be_there(servers):
    servers.learn(HERE, PLAIN, NOW)
    servers.learn(THERE, INSTANCE, NOW)
    servers.expect([HERE, THERE])
    assert servers.get(HERE, NOW) is None
    assert servers.may_ask(HERE, NOW)
    assert servers.get(THERE, NOW) is INSTANCE
    assert servers.is_member(HERE)
    # Once: if it is a plain one all the same, it stays that.
    servers.learn(HERE, PLAIN, NOW)
    servers.expect([HERE])
    assert servers.get(HERE, NOW).kind is Kind.PLAIN


def test_so_many_servers_are_remembered_and_no_more(servers):
    addresses = [Address(f"db-{number}.example.com", 5432) for number in range(2 * MOST_SERVERS)]
    for address in addresses:
        servers.learn(address, PLAIN, NOW)
    known = [address for address in addresses if servers.get(address, NOW)]
    assert known == addresses[-MOST_SERVERS:]


def test_a_slow_server_is_asked_over_the_agents_own_connection_after_the_rest(servers):
    assert not servers.awaits_answer(HERE, 10.0)
    servers.back_off(HERE, 10.0)
    assert not servers.awaits_answer(HERE, 10.9)
    assert servers.awaits_answer(HERE, 11.0)
    servers.answered(HERE)
    assert not servers.awaits_answer(HERE, 11.0)
