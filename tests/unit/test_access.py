"""Which logins are tried where, and what a failure says of the others."""

import pytest

from aurora_otel.discovery.source import LoginNotAllowedError
from aurora_otel.discovery.targets import Target
from aurora_otel.drivers.connects import LoginFailure
from aurora_otel.model.endpoints import Address, EndpointMap
from aurora_otel.monitoring.access import (
    FULL_FIRST,
    MOST_LOGINS,
)
from tests.unit.logins import A, B, LoginError, Logins

HOST = Target(None, None)


@pytest.fixture
def it():
    return Logins()


def test_before_the_application_has_connected_no_login_is_tried(it):
    with pytest.raises(LoginNotAllowedError):
        it.connect()
    assert it.access.newest is None


def test_the_newest_login_is_used(it):
    it.works("one")
    it.works("two")
    assert it.attempts() == [("two", "secret")]
    assert it.access.newest.login.parameters == ("two", "secret")


def test_the_last_few_logins_are_kept_each_once(it):
    for database in [*"abcdefg", "f"]:
        it.works(database)
    assert [access.login.parameters[0] for access in it.access.logins] == list("fged")
    assert len(it.access.logins) == MOST_LOGINS


def test_a_rotated_password_takes_the_place_of_the_one_before(it):
    it.works("app", "old")
    it.works("app", "new")
    assert [access.login.parameters for access in it.access.logins] == [("app", "new")]


def test_a_refused_login_is_tried_once_whatever_the_target(it):
    it.works("app")
    it.fails(LoginFailure.REFUSED, "app")
    with pytest.raises(LoginError) as refused:
        it.connect(A)
    with pytest.raises(LoginNotAllowedError) as not_tried:
        it.connect(A)
    assert it.access.is_rejected(refused.value)
    assert it.access.is_rejected(not_tried.value)
    assert it.attempts(B) == it.attempts(HOST) == []


def test_a_refused_login_is_tried_once_more_after_a_connect_that_worked(it):
    it.works("app")
    it.fails(LoginFailure.REFUSED, "app")
    it.attempts()
    it.works("app")
    assert it.attempts() == [("app", "secret")]
    assert it.attempts() == []
    it.works("app", "new")
    assert it.attempts() == [("app", "new")]
    assert it.attempts() == [("app", "new")]


def test_no_other_login_with_the_refused_password_is_tried(it):
    it.works("one", "another")
    it.works("two")
    it.works("three")
    it.fails(LoginFailure.REFUSED, "three")
    assert it.attempts() == [("three", "secret"), ("one", "another")]
    assert it.attempts() == [("one", "another")]


def test_a_login_without_its_database_falls_back_to_the_next(it):
    it.works("app")
    it.works("tenant_42")
    it.fails(LoginFailure.UNUSABLE, "tenant_42")
    assert it.attempts() == [("tenant_42", "secret"), ("app", "secret")]
    assert it.attempts() == [("app", "secret")]


def test_a_certificate_that_does_not_fit_one_host_says_nothing_of_the_others(it):
    it.works("app")
    it.fails(LoginFailure.UNUSABLE, "app", at=A)
    assert it.attempts(A) == [("app", "secret")]
    assert it.attempts(A) == []
    assert it.attempts(HOST) == [("app", "secret")]


def test_a_server_that_is_not_reached_is_distinguished_from_a_login_that_fails(it):
    it.works("one")
    it.works("two")
    it.fails(ConnectionRefusedError(), "two")
    with pytest.raises(ConnectionRefusedError) as raised:
        it.connect()
    assert not it.access.is_rejected(raised.value)
    assert it.driver.attempts == [(("two", "secret"), "a")]


def test_a_server_without_a_connection_left_is_left_alone_for_long_and_longer(it):
    it.works("one")
    it.works("two")
    it.fails(LoginFailure.FULL, "two", at=A)
    assert it.access.may_keep
    for pause in (FULL_FIRST, 2 * FULL_FIRST):
        assert it.attempts(A) == [("two", "secret")]
        assert not it.access.may_keep
        it.now += pause - 1
        assert it.attempts(A) == []
        assert it.attempts(B) == [("two", "secret")]
        it.now += 1
        assert it.access.may_keep
    it.driver.failures.clear()
    assert it.attempts(A) == [("two", "secret")]
    it.fails(LoginFailure.FULL, "two", at=A)
    assert it.attempts(A) == [("two", "secret")]
    it.now += FULL_FIRST
    assert it.access.may_keep


TOKEN = (
    "lab.c0ffee.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=app"
    "&X-Amz-Credential=AKIA/20260101/eu-west-1/rds-db/aws4_request&X-Amz-Signature={}"
)


def test_a_token_is_shown_to_no_host_that_it_was_not_signed_for(it):
    it.works("app", TOKEN.format("a"))
    assert it.attempts(A) == []
    assert it.attempts(HOST) == [("app", TOKEN.format("a"))]
    assert [host.host for host in it.signed] == [
        "a.c0ffee.eu-west-1.rds.amazonaws.com",
        "lab.c0ffee.eu-west-1.rds.amazonaws.com",
    ]


def test_tokens_of_one_login_are_one_login(it):
    it.works("app", TOKEN.format("a"))
    it.works("app", TOKEN.format("b"))
    assert len(it.access.logins) == 1


def test_another_host_of_the_application_is_reached_by_the_login_that_worked_there(it):
    other = EndpointMap().classify("writer.internal", 5432)
    it.works("one", endpoint=other)
    it.works("two")
    assert it.access.other_hosts == (other,)
    assert it.attempts(Target(None, other.address)) == [("one", "secret")]
    assert it.driver.attempts == [(("one", "secret"), None)]
    assert it.attempts(Target(None, Address("nowhere", 5432))) == []


@pytest.mark.parametrize(
    "host",
    [
        "lab.cluster-ro-c0ffee.eu-west-1.rds.amazonaws.com",
        "db-1.c0ffee.eu-west-1.rds.amazonaws.com",
        "lab.proxy-c0ffee.eu-west-1.rds.amazonaws.com",
        "db",
    ],
)
def test_a_host_that_leads_to_no_other_instance_is_not_asked_besides(it, host):
    it.works("one", endpoint=EndpointMap().classify(host, 5432))
    it.works("two")
    assert it.access.other_hosts == ()
